export const FNV_BASIS = 0x811c9dc5

/** FNV-1a's steps over UTF-16 units from `value` on. Its low bits are weak and its high bits weaker: finish it before use. */
export function fnv1a(value: number, text: string): number {
  let hash = value
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
