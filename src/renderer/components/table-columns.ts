/** How a VirtualTable lays out a row. */
export type Column<Row> = {
  key: string
  label: string
  /** A grid track: `88px`, `minmax(12rem, 1fr)`. */
  width: string
  align?: 'start' | 'end'
  sortable?: boolean
  /** Its first order is the falling one. */
  mostFirst?: boolean
  /** The cell's text; left out where the slot `cell-KEY` draws it. */
  text?: (row: Row) => string
  /** Shown on hover of the header: what it is, in which unit. */
  hint?: string
}
export type Sort = { key: string; descending: boolean }
