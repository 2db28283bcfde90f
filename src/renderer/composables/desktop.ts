/** What a desktop window can do beyond a browser's; null in a browser. */
import type { Desktop } from '../../shared/desktop.ts'

declare global {
  interface Window {
    driftDesktop?: Desktop
  }
}

export const desktop: Desktop | null = globalThis.window?.driftDesktop ?? null
