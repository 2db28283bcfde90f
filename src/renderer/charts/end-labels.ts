/** Direct labels at the ends of lines, pushed apart where lines end close together. */
import type { CustomSeriesOption, CustomSeriesRenderItem } from 'echarts'
import type { ChartTheme } from './theme.ts'

export type EndLabel = { text: string; color: string; x: number; y: number; weight?: 400 | 600 }

const LINE_HEIGHT = 14
const GAP = 9
/** Labels that end this far apart in x do not meet. */
const REACH = 130
/** Ends this close in x are the same round, side by side. */
const BESIDE = 40

/**
 * Moves positions apart until neighbours are at least `gap` apart, keeping their order and staying as near to
 * where they belong as they can: overlapping ones form a block centred on its members' mean (pool adjacent violators).
 */
export function spread(wanted: readonly number[], gap: number): number[] {
  const order = wanted.map((at, i) => ({ at, i })).sort((a, b) => a.at - b.at)
  const blocks: { members: typeof order; start: number }[] = []
  for (const one of order) {
    let block = { members: [one], start: one.at }
    for (let last = blocks.at(-1); last && last.start + last.members.length * gap > block.start; last = blocks.at(-1)) {
      blocks.pop()
      const members = [...last.members, ...block.members]
      block = { members, start: members.reduce((sum, { at }, place) => sum + at - place * gap, 0) / members.length }
    }
    blocks.push(block)
  }
  const moved = new Array<number>(wanted.length)
  for (const { members, start } of blocks) members.forEach(({ i }, place) => (moved[i] = start + place * gap))
  return moved
}

export function endLabels(labels: readonly EndLabel[], theme: ChartTheme): CustomSeriesOption {
  const renderItem: CustomSeriesRenderItem = (params, api) => {
    const index = params.dataIndexInside
    const own = labels[index]
    if (!own) return null
    const ends = labels.map((label) => {
      const [x = 0, y = 0] = api.coord([label.x, label.y])
      return { x, y }
    })
    const end = ends[index]!
    const near = ends.flatMap((other, i) => (Math.abs(other.x - end.x) < REACH ? [i] : []))
    const y = spread(near.map((i) => ends[i]!.y), LINE_HEIGHT)[near.indexOf(index)]!
    // One column for labels that stand together: none runs into a neighbour's last point or whisker.
    const beside = near.filter((i) => Math.abs(ends[i]!.x - end.x) < BESIDE || Math.abs(ends[i]!.y - end.y) < LINE_HEIGHT)
    const column = Math.max(...beside.map((i) => ends[i]!.x)) + GAP
    const moved = Math.abs(y - end.y) > 5 || column - end.x > 2 * GAP
    return {
      type: 'group',
      silent: true,
      children: [
        ...(moved ? [{ type: 'polyline' as const, shape: { points: [[end.x + 5, end.y], [column, y]] }, style: { stroke: own.color, lineWidth: 1, opacity: 0.6, fill: 'none' } }] : []),
        { type: 'text', x: column + 2, y, style: { text: own.text, fill: own.color, font: `${own.weight ?? 600} 12px ${theme.font}`, verticalAlign: 'middle' } },
      ],
    }
  }
  return { type: 'custom', silent: true, clip: false, z: 5, tooltip: { show: false }, renderItem, encode: { x: 0, y: 1 }, data: labels.map(({ x, y }) => [x, y]) }
}
