/** Small multiples of measured points with their fitted line, as SVG text. */
import { init, use } from 'echarts/core'
import { LineChart, ScatterChart } from 'echarts/charts'
import { GridComponent, TitleComponent } from 'echarts/components'
import { SVGRenderer } from 'echarts/renderers'

/** Points of [context length, milliseconds per token]. */
export type Curve = { title: string; points: [number, number][] }

/** Least squares of relative errors: a + b·x, so that small and large values weigh alike. */
export function fitLine(points: readonly [number, number][]): { a: number; b: number; at: (x: number) => number } {
  const sum = (value: (x: number, y: number) => number): number => points.reduce((total, [x, y]) => total + value(x, y) / y ** 2, 0)
  const [weight, x, y, xx, xy] = [sum(() => 1), sum((px) => px), sum((_, py) => py), sum((px) => px * px), sum((px, py) => px * py)]
  const b = (weight * xy - x * y) / (weight * xx - x * x)
  const a = (y - b * x) / weight
  return { a, b, at: (length) => a + b * length }
}

export function plotCurves(title: string, curves: readonly Curve[]): string {
  use([LineChart, ScatterChart, GridComponent, TitleComponent, SVGRenderer])
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 760, height: 300 })
  const share = 100 / curves.length
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: [{ text: title, left: 'center', textStyle: { fontSize: 14 } }, ...curves.map((curve, i) => ({ text: `${curve.title}: ms per token`, left: `${share * i + 7}%`, top: 36, textStyle: { fontSize: 12, fontWeight: 'normal' as const } }))],
    grid: curves.map((_, i) => ({ left: `${share * i + 7}%`, width: `${share - 11}%`, top: 62, bottom: 45 })),
    xAxis: curves.map((_, gridIndex) => ({ gridIndex, type: 'value' as const, min: 0, max: 2048, interval: 512, name: 'context length, tokens', nameLocation: 'middle' as const, nameGap: 28 })),
    yAxis: curves.map((_, gridIndex) => ({ gridIndex, type: 'value' as const, min: 0 })),
    series: curves.flatMap(({ points }, i) => {
      const { at } = fitLine(points)
      const common = { xAxisIndex: i, yAxisIndex: i, silent: true }
      return [
        { ...common, type: 'line' as const, data: [[0, at(0)], [2048, at(2048)]], showSymbol: false, lineStyle: { color: '#999', type: 'dashed' as const } },
        { ...common, type: 'scatter' as const, data: points, symbolSize: 9, itemStyle: { color: '#2563eb' } },
      ]
    }),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}
