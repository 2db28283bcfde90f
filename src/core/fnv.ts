export const FNV_BASIS = 0x811c9dc5

/** FNV-1a's steps over UTF-16 units from `value` on. Its low bits are weak and its high bits weaker: finish it before use. */
export function fnv1a(value: number, text: string): number {
  let hash = value
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

/** The same one of `places` for the same text, always. */
export function placeOf(text: string, places: number): number {
  const hash = fnv1a(FNV_BASIS, text)
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 16) % places
}
