/** How the rows of two snapshots differ. Pure. */

/** A row as stored: its JSON, and the turn it stems from where it has one. */
export type KeyedRow = { key: string | null; text: string }
/** Indices of rows; a changed row stems from the same turn and says something else. */
export type RowDiff = { added: number[]; removed: number[]; changed: [before: number, after: number][]; same: number }

/** Equal rows are the same wherever they stand; of the others those of one turn are changed, in order; the rest is removed and added. */
export function diffRows(before: readonly KeyedRow[], after: readonly KeyedRow[]): RowDiff {
  const unmatched = Map.groupBy(after.keys(), (i) => after[i]!.text)
  const left = before.flatMap(({ text }, i) => (unmatched.get(text)?.shift() === undefined ? [i] : []))
  const added = [...unmatched.values()].flat().sort((a, b) => a - b)
  const byTurn = Map.groupBy(added.filter((i) => after[i]!.key !== null), (i) => after[i]!.key)
  const changed: RowDiff['changed'] = []
  const removed = left.filter((i) => {
    const { key } = before[i]!
    const successor = key === null ? undefined : byTurn.get(key)?.shift()
    if (successor !== undefined) changed.push([i, successor])
    return successor === undefined
  })
  const successors = new Set(changed.map(([, to]) => to))
  return { added: added.filter((i) => !successors.has(i)), removed, changed, same: before.length - left.length }
}
