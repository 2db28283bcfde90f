/**
 * Where frames of zstd data end (RFC 8878, section 3.1). Node's decompressor takes a file that was cut off for a whole
 * one, and of a chunk that holds the end of a frame it drops the rest: frames that follow each other, as pzstd and `cat`
 * make them, must come to it one by one.
 */
export function watchZstdFrames(): { /** The chunk in pieces that end where frames do. */ push(chunk: Uint8Array): Uint8Array[]; isWhole(): boolean } {
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
  const isWhole = (): boolean => step === 'magic' && header.length === 0 && skip === 0
  return {
    push(chunk) {
      const pieces: Uint8Array[] = []
      let cut = 0
      const cutAtEnd = (at: number): void => {
        if (!isWhole() || at === cut) return
        pieces.push(chunk.subarray(cut, at))
        cut = at
      }
      for (let at = 0; at < chunk.length; ) {
        const skipped = Math.min(skip, chunk.length - at)
        skip -= skipped
        at += skipped
        cutAtEnd(at)
        if (skip > 0 || at === chunk.length) break
        header.push(chunk[at] ?? 0)
        at += 1
        if (header.length === wanted) take()
        cutAtEnd(at)
      }
      if (cut < chunk.length) pieces.push(chunk.subarray(cut))
      return pieces
    },
    isWhole,
  }
}
