/**
 * Whether zstd data ends where a frame ends (RFC 8878, section 3.1). Node's decompressor takes a file that was cut off
 * for a whole one.
 */
export function watchZstdFrames(): { push(chunk: Uint8Array): void; isWhole(): boolean } {
  let header: number[] = []
  let wanted = 4
  let skip = 0
  let step: 'magic' | 'descriptor' | 'block' | 'skippable' = 'magic'
  let hasChecksum = false
  const next = (to: typeof step, bytes: number, skipped = 0): void => {
    header = []
    step = to
    wanted = bytes
    skip = skipped
  }
  const littleEndian = (): number => header.reduceRight((value, byte) => value * 256 + byte, 0)
  const take = (): void => {
    const value = littleEndian()
    if (step === 'magic') return next(value >>> 4 === 0x184d2a5 ? 'skippable' : 'descriptor', value >>> 4 === 0x184d2a5 ? 4 : 1)
    if (step === 'skippable') return next('magic', 4, value)
    if (step === 'descriptor') {
      const isSingleSegment = (value & 0x20) !== 0
      hasChecksum = (value & 4) !== 0
      const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][value >>> 6] ?? 0
      return next('block', 3, (isSingleSegment ? 0 : 1) + ([0, 1, 2, 4][value & 3] ?? 0) + sizeBytes)
    }
    const isLast = (value & 1) === 1
    const content = ((value >>> 1) & 3) === 1 ? 1 : value >>> 3
    if (isLast) next('magic', 4, content + (hasChecksum ? 4 : 0))
    else next('block', 3, content)
  }
  return {
    push(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const skipped = Math.min(skip, chunk.length - at)
        skip -= skipped
        at += skipped
        if (skip > 0 || at === chunk.length) return
        header.push(chunk[at] ?? 0)
        at += 1
        if (header.length === wanted) take()
      }
    },
    isWhole: () => step === 'magic' && header.length === 0 && skip === 0,
  }
}
