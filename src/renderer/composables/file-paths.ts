/** Where a dropped file lies: only a desktop window knows, through what its preload offers. */

type Preloaded = { pathOf?: (file: File) => string }

function preloaded(): Preloaded {
  const given: unknown = 'drift' in window ? window.drift : undefined
  return typeof given === 'object' && given !== null ? given : {}
}

export const canAskForPaths = typeof preloaded().pathOf === 'function'
export const pathOf = (file: File): string | null => preloaded().pathOf?.(file) || null
