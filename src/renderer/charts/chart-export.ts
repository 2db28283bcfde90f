/** A chart as a file: PNG and SVG with its title and notes, CSV of its figures. */
import type { EChartsOption } from 'echarts'
import { csvRow } from '../../core/csv.ts'
import type { Chart, ChartTable } from './chart.ts'
import { echarts } from './echarts.ts'
import type { ChartTheme } from './theme.ts'

export type Heading = { title: string; subtitle: string; note: string | null }

const TOP = 50
const BOTTOM = 20

export function toCsv(table: ChartTable): string {
  return [table.columns.map(({ label }) => label), ...table.rows].map(csvRow).join('')
}

/** Moves everything down and writes title, unit line and notes: a picture that leaves the page must explain itself. */
export function withHeading(option: EChartsOption, { title, subtitle, note }: Heading, theme: ChartTheme): EChartsOption {
  const lower = <T>(part: T): T => {
    if (Array.isArray(part)) return part.map(lower) as T
    if (typeof part !== 'object' || part === null) return part
    const moved = { ...part } as Record<string, unknown>
    if (typeof moved.top === 'number') moved.top += TOP
    if (typeof moved.bottom === 'number') moved.bottom += BOTTOM
    return moved as T
  }
  const own = option.title === undefined ? [] : [option.title].flat()
  return {
    ...option,
    backgroundColor: theme.surface,
    grid: lower(option.grid),
    ...(option.parallel && { parallel: lower(option.parallel) }),
    ...(option.legend && { legend: lower(option.legend) }),
    title: [
      { text: title, subtext: subtitle, left: 12, top: 8, padding: 0, itemGap: 3, textAlign: 'left', textVerticalAlign: 'top', textStyle: { color: theme.text, fontSize: 14, fontWeight: 600, fontFamily: theme.font }, subtextStyle: { color: theme.muted, fontSize: 11.5, fontFamily: theme.font } },
      ...own.map(lower),
      ...(note ? [{ text: note, left: 12, bottom: 6, padding: 0, textAlign: 'left' as const, textVerticalAlign: 'top' as const, textStyle: { color: theme.muted, fontSize: 10.5, fontWeight: 400 as const, fontFamily: theme.font } }] : []),
    ],
  }
}

export type Size = { width: number; height: number }

export function toSvg(chart: Chart, heading: Heading, theme: ChartTheme, { width, height }: Size): string {
  const drawing = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height: height + TOP + BOTTOM })
  try {
    drawing.setOption(withHeading(chart.option, heading, theme))
    return drawing.renderToSVGString()
  } finally {
    drawing.dispose()
  }
}

/** Twice the size on screen, for slides and papers. */
export async function toPng(chart: Chart, heading: Heading, theme: ChartTheme, { width, height }: Size): Promise<Blob> {
  const canvas = document.createElement('canvas')
  const drawing = echarts.init(canvas, null, { renderer: 'canvas', width, height: height + TOP + BOTTOM, devicePixelRatio: 2 })
  try {
    drawing.setOption(withHeading(chart.option, heading, theme))
    drawing.getZr().flush()
    return await new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser made no PNG of this chart; export SVG instead'))), 'image/png'))
  } finally {
    drawing.dispose()
  }
}

export function fileName(title: string, extension: string): string {
  const stem = title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 60)
  return `${stem || 'chart'}.${extension}`
}

export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
