/** A file as rows: Parquet, JSON or a table, plain, gzip or zstd (told by the first bytes), whatever its name. */
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { PassThrough, Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { mappingProblem, suggestMapping } from '../../core/import/columns.ts'
import { isTableName } from '../../core/import/file-endings.ts'
import { detectFormat } from '../../core/import/index.ts'
import { UnreadableFileError, type RawRow } from '../../core/import/raw-rows.ts'
import { createRowSplitter } from '../../core/import/split-rows.ts'
import { readParquet, type ColumnsFor } from './read-parquet.ts'
import { watchZstdFrames } from './zstd-frames.ts'

const CHUNK_BYTES = 1024 * 1024
/** So much may come of a few bytes: identical rows compress as well as bombs do. */
const BELIEVED_BYTES = 128 * 1024 * 1024
/** Beyond that, logs of real text unpack to 3 to 50 times their size; zstd has no bound of its own, gzip's is 1,032. */
const MOST_EXPANSION = 300

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
      failure = explainWindow(error)
      unpacked.end()
    })
    const frames = container === 'zstd' ? watchZstdFrames() : null
    const packed = frames === null ? file : Readable.from(piecesOf(file, frames))
    packed.on('error', (error: Error) => unpacker.destroy(error))
    packed.pipe(unpacker)
    unpacker.pipe(unpacked)
    let bytesUnpacked = 0
    try {
      for await (const chunk of unpacked) {
        bytesUnpacked += (chunk as Buffer).length
        yield { rows: rest(splitter.push(chunk as Buffer)), bytesRead: file.bytesRead }
        if (bytesUnpacked > BELIEVED_BYTES && bytesUnpacked > MOST_EXPANSION * file.bytesRead) {
          failure = new UnreadableFileError(`expected ${container} data that unpacks to at most ${MOST_EXPANSION} times its size, got ${megabytes(bytesUnpacked)} MB from ${megabytes(file.bytesRead)} MB so far. Rows up to here are read; where the rest is wanted all the same, unpack the file and import what comes out`)
          break
        }
      }
    } finally {
      packed.destroy()
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

async function* piecesOf(file: AsyncIterable<unknown>, frames: ReturnType<typeof watchZstdFrames>): AsyncGenerator<Uint8Array> {
  for await (const chunk of file) yield* frames.push(chunk as Buffer)
}

/** A frame may ask for a window of up to 2 TB; 128 MB is what decoders grant. */
const explainWindow = (error: Error): Error => (/too much memory|windowTooLarge/i.test(`${error.message} ${'code' in error ? String(error.code) : ''}`) ? new UnreadableFileError(`expected zstd data with a window of at most 128 MB, got one that asks for more (${error.message}). Pack it again without --long and --ultra`, { cause: error }) : error)

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)

/** By its name, or by column names that a format knows. */
function isTable(path: string, columns: readonly string[]): boolean {
  if (isTableName(path)) return true
  return columns.length > 1 && (mappingProblem(suggestMapping(columns)) === null || detectFormat(Object.fromEntries(columns.map((name) => [name, null]))) !== undefined)
}

type Container = 'parquet' | 'gzip' | 'zstd' | 'plain'

/** What is no rows however it is named: told by its first bytes, and not line by line. */
const OTHERS: readonly [first: string, at: number, what: string, todo: string][] = [
  ['PK\x03\x04', 0, 'a zip archive', 'Unpack it and import what is in it'],
  ['7z\xbc\xaf\x27\x1c', 0, 'a 7z archive', 'Unpack it and import what is in it'],
  ['Rar!\x1a\x07', 0, 'a rar archive', 'Unpack it and import what is in it'],
  ['\xfd7zXZ\x00', 0, 'xz data', 'Unpack it (unxz) and import what comes out'],
  ['BZh', 0, 'bzip2 data', 'Unpack it (bunzip2) and import what comes out'],
  ['ustar', 257, 'a tar archive', 'Unpack it and import the folder'],
  ['ARROW1', 0, 'an Arrow file', 'Save the data set with to_parquet() or to_json()'],
  ['SQLite format 3\x00', 0, 'an SQLite database', 'Export its table as CSV or JSONL'],
  ['\xff\xfe', 0, 'UTF-16 text', 'Save it as UTF-8'],
  ['\xfe\xff', 0, 'UTF-16 text', 'Save it as UTF-8'],
]

async function detectContainer(path: string): Promise<Container> {
  // Opening a pipe would wait for its other end.
  if (!(await stat(path)).isFile()) throw new UnreadableFileError('it is neither a file nor a folder')
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(512), 0, 512, 0)
    const start = buffer.toString('latin1')
    if (start.startsWith('PAR1')) return 'parquet'
    if (buffer.readUInt16BE(0) === 0x1f8b) return 'gzip'
    // Skippable frames may come first.
    if (buffer.readUInt32LE(0) === 0xfd2fb528 || buffer.readUInt32LE(0) >>> 4 === 0x184d2a5) return 'zstd'
    const other = OTHERS.find(([first, at]) => start.startsWith(first, at))
    if (other !== undefined) throw new UnreadableFileError(`expected JSON, JSONL, CSV or Parquet (also in gzip or zstd), got ${other[2]}. ${other[3]}`)
    return 'plain'
  } finally {
    await file.close()
  }
}
