/** What the desktop app offers its page beyond the contract (`window.driftDesktop`); absent in a browser. */
export type Desktop = {
  /** Paths chosen in the system's dialog; empty when it was dismissed. */
  chooseFiles(): Promise<string[]>
  chooseFolder(): Promise<string | null>
  /** Path of a file dropped on the page. */
  pathOf(file: File): string
  /** Shows a file in the system's file manager. */
  reveal(path: string): void
}
