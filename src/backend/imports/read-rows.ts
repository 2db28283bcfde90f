/** A file as rows: Parquet, JSON or a table, plain, gzip or zstd (told by the first bytes), whatever its name. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { mappingProblem, suggestMapping } from '../../core/import/columns.ts'
import { isTableName } from '../../core/import/file-endings.ts'
import { detectFormat } from '../../core/import/index.ts'
import { UnreadableFileError, type RawRow } from '../../core/import/raw-rows.ts'
import { createRowSplitter } from '../../core/import/split-rows.ts'
import { readParquet, type ColumnsFor } from './read-parquet.ts'
import { watchZstdFrames } from './zstd-frames.ts'

const CHUNK_BYTES = 1024 * 1024

type ReadOptions = {
  /** Which columns of a columnar file are needed; all where left out. */
  columnsFor?: ColumnsFor
  /** Rows up to this number were read before. */
  skipRows?: number
}

/**
 * Yields lists of rows as they are read, and the bytes of the file read so far. What keeps a file from being
 * read to its end is thrown after the rows before it.
 */
export async function* readRows(path: string, { columnsFor = () => undefined, skipRows = 0 }: ReadOptions = {}): AsyncGenerator<{ rows: RawRow[]; bytesRead: number }> {
  const container = await detectContainer(path)
  if (container === 'parquet') return yield* readParquet(path, columnsFor, skipRows)
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  const splitter = createRowSplitter(undefined, (columns) => isTable(path, columns))
  const rest = (rows: RawRow[]): RawRow[] => (skipRows === 0 || (rows[0]?.row ?? 0) > skipRows ? rows : rows.filter(({ row }) => row > skipRows))
  if (container === 'plain') {
    for await (const chunk of file) yield { rows: rest(splitter.push(chunk as Buffer)), bytesRead: file.bytesRead }
  } else {
    const unpacked = new PassThrough({ highWaterMark: CHUNK_BYTES })
    let failure: unknown = null
    const unpacker = container === 'gzip' ? createGunzip({ chunkSize: CHUNK_BYTES }) : createZstdDecompress({ chunkSize: CHUNK_BYTES })
    // A damaged end must not take away the rows before it: the failure waits until they are read.
    unpacker.on('error', (error) => {
      failure = error
      unpacked.end()
    })
    file.on('error', (error) => unpacker.destroy(error))
    const frames = container === 'zstd' ? watchZstdFrames() : null
    if (frames !== null) file.on('data', (chunk) => frames.push(chunk as Buffer))
    file.pipe(unpacker)
    unpacker.pipe(unpacked)
    try {
      for await (const chunk of unpacked) yield { rows: rest(splitter.push(chunk as Buffer)), bytesRead: file.bytesRead }
    } finally {
      file.destroy()
      unpacker.destroy()
    }
    if (frames?.isWhole() === false) failure ??= new UnreadableFileError('unexpected end of file')
    if (failure !== null) {
      yield { rows: rest(splitter.end()), bytesRead: file.bytesRead }
      throw failure
    }
  }
  yield { rows: rest(splitter.end()), bytesRead: file.bytesRead }
}

/** By its name, or by column names that a format knows. */
function isTable(path: string, columns: readonly string[]): boolean {
  if (isTableName(path)) return true
  return columns.length > 1 && (mappingProblem(suggestMapping(columns)) === null || detectFormat(Object.fromEntries(columns.map((name) => [name, null]))) !== undefined)
}

type Container = 'parquet' | 'gzip' | 'zstd' | 'plain'

async function detectContainer(path: string): Promise<Container> {
  const file = await open(path)
  try {
    if (!(await file.stat()).isFile()) throw new UnreadableFileError('it is neither a file nor a folder')
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer.toString('latin1') === 'PAR1') return 'parquet'
    if (buffer.readUInt16BE(0) === 0x1f8b) return 'gzip'
    return buffer.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'plain'
  } finally {
    await file.close()
  }
}
