/** A file as rows: plain, gzip or zstd (told by the first bytes), whatever its name. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { createRowSplitter, type RawRow } from '../../core/import/split-rows.ts'

const CHUNK_BYTES = 1024 * 1024

/**
 * Yields lists of rows as they are read, and the bytes of the file read so far. What keeps a file from being
 * read to its end is thrown after the rows before it.
 */
export async function* readRows(path: string): AsyncGenerator<{ rows: RawRow[]; bytesRead: number }> {
  const compression = await detectCompression(path)
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  const splitter = createRowSplitter()
  if (compression === null) {
    for await (const chunk of file) yield { rows: splitter.push(chunk as Buffer), bytesRead: file.bytesRead }
  } else {
    const unpacked = new PassThrough({ highWaterMark: CHUNK_BYTES })
    let failure: unknown = null
    const unpacker = compression === 'gzip' ? createGunzip({ chunkSize: CHUNK_BYTES }) : createZstdDecompress({ chunkSize: CHUNK_BYTES })
    // A damaged end must not take away the rows before it: the failure waits until they are read.
    unpacker.on('error', (error) => {
      failure = error
      unpacked.end()
    })
    file.on('error', (error) => unpacker.destroy(error))
    file.pipe(unpacker)
    unpacker.pipe(unpacked)
    try {
      for await (const chunk of unpacked) yield { rows: splitter.push(chunk as Buffer), bytesRead: file.bytesRead }
    } finally {
      file.destroy()
      unpacker.destroy()
    }
    if (failure !== null) {
      yield { rows: splitter.end(), bytesRead: file.bytesRead }
      throw failure
    }
  }
  yield { rows: splitter.end(), bytesRead: file.bytesRead }
}

async function detectCompression(path: string): Promise<'gzip' | 'zstd' | null> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer.readUInt16BE(0) === 0x1f8b) return 'gzip'
    return buffer.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : null
  } finally {
    await file.close()
  }
}
