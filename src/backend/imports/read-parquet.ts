/** Parquet files as rows, a row group at a time and only the columns that are needed. */
import { open, type FileHandle } from 'node:fs/promises'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { parquetMetadataAsync, parquetReadObjects, parquetSchema, snappyUncompress, type AsyncBuffer, type Compressors, type FileMetaData, type RowGroup, type SchemaElement, type SchemaTree } from 'hyparquet'
import type { Row } from '../../core/import/format.ts'
import { UnreadableFileError, type RawRow } from '../../core/import/raw-rows.ts'

/** Row groups that unpack to more are read in slices of rows where the file has an index of its pages. */
const SLICED_FROM_BYTES = 64 * 1024 * 1024
const SLICE_ROWS = 1000
const SMALL_COLUMN_BYTES = 1024 * 1024
/** What has to be unpacked at once may not be larger. */
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024
const MAX_GROUP_ROWS = 2_000_000
/** Lists hold several to a row. */
const MAX_GROUP_VALUES = 50_000_000

/** Told of each column what kind of value it holds: a row with an empty list, object or text under each name. */
export type ColumnsFor = (outline: Row) => readonly string[] | undefined

/**
 * Yields rows with the share of the file's bytes read so far. A row group that cannot be read is one bad row, those
 * after it are read all the same.
 * @param columnsFor which columns are needed, `a.b` being the field b inside a; undefined: all
 * @param skipRows so many rows are passed over; whole row groups of them are not read
 */
export async function* readParquet(path: string, columnsFor: ColumnsFor, skipRows = 0): AsyncGenerator<{ rows: RawRow[]; bytesRead: number }> {
  const handle = await open(path)
  try {
    const file = await asBuffer(handle)
    const metadata = await orUnreadable(() => parquetMetadataAsync(file, { parsers, geoparquet: false }))
    const tree = await orUnreadable(() => parquetSchema(metadata))
    const kept = prune(metadata, tree, columnsFor(outlineOf(tree)))
    const groups = kept.row_groups.map((group) => ({ rows: Number(group.num_rows), packed: bytesOf(group, 'total_compressed_size'), values: Math.max(0, ...group.columns.map(({ meta_data }) => Number(meta_data?.num_values ?? 0))), unpacked: bytesOf(group, 'total_uncompressed_size'), indexed: group.columns.every(isIndexed) }))
    const packedTotal = Math.max(1, groups.reduce((sum, { packed }) => sum + packed, 0))
    let packedDone = 0
    let start = 0
    for (const [i, group] of groups.entries()) {
      const end = start + group.rows
      const isSliced = group.unpacked > SLICED_FROM_BYTES && group.indexed
      for (let from = Math.max(start, skipRows); from < end; ) {
        const to = isSliced ? Math.min(end, from + SLICE_ROWS) : end
        const bytesRead = Math.round((file.byteLength * (packedDone + (group.packed * (to - start)) / group.rows)) / packedTotal)
        yield { rows: await readSlice(file, kept, { from, to, group: i, unpacked: isSliced ? 0 : group.unpacked, values: isSliced ? 0 : group.values }), bytesRead }
        from = to
      }
      packedDone += group.packed
      start = end
    }
  } finally {
    await handle.close()
  }
}

async function readSlice(file: AsyncBuffer, metadata: FileMetaData, { from, to, group, unpacked, values }: { from: number; to: number; group: number; unpacked: number; values: number }): Promise<RawRow[]> {
  try {
    if (unpacked > MAX_UNPACKED_BYTES) throw new Error(`it unpacks to ${unpacked} bytes, at most ${MAX_UNPACKED_BYTES} are read at once. Write the file with smaller row groups`)
    if (to - from > MAX_GROUP_ROWS) throw new Error(`expected at most ${MAX_GROUP_ROWS} rows in a row group, got ${to - from}`)
    if (values > MAX_GROUP_VALUES) throw new Error(`expected at most ${MAX_GROUP_VALUES} values in a column of a row group, got ${values}. Write the file with smaller row groups`)
    const rows = await parquetReadObjects({ file, metadata, rowStart: from, rowEnd: to, useOffsetIndex: true, compressors: withinBudget(), parsers, geoparquet: false })
    return rows.map((value, i) => rowOf(from + i + 1, asJson(value) as Row))
  } catch (error) {
    return [{ row: from + 1, text: '', problem: `row group ${group + 1} (rows ${from + 1} to ${to}) cannot be read: ${error instanceof Error ? error.message : String(error)}` }]
  }
}

/** The text of a row is only made where somebody asks for it. */
function rowOf(row: number, value: Row): RawRow {
  return { row, problem: null, value, get text() { return JSON.stringify(value) } }
}

async function asBuffer(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat()
  return {
    byteLength: size,
    async slice(start, end = size) {
      if (start < 0 || end > size || end < start) throw new UnreadableFileError(`expected bytes ${start} to ${end} in a file of ${size}`)
      const bytes = new Uint8Array(end - start)
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
      if (bytesRead < bytes.length) throw new UnreadableFileError('it became shorter while it was read')
      return bytes.buffer
    },
  }
}

/** Whatever the library says of a damaged file is the file's fault. */
async function orUnreadable<Result>(read: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    throw new UnreadableFileError(`expected a Parquet file: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** What unpacks pages, together to MAX_UNPACKED_BYTES: what a file says of its size need not be true. */
function withinBudget(): Compressors {
  let left = MAX_UNPACKED_BYTES
  const bounded = (unpack: (input: Uint8Array, outputLength: number) => Uint8Array) => (input: Uint8Array, outputLength: number): Uint8Array => {
    if (outputLength > left) throw new Error(`its pages unpack to more than the ${MAX_UNPACKED_BYTES} bytes that are read at once (the next one to ${outputLength}). Where the file is what it should be, write it with smaller row groups`)
    left -= outputLength
    return unpack(input, outputLength)
  }
  const most = (outputLength: number): { maxOutputLength: number } => ({ maxOutputLength: Math.max(1, outputLength) })
  return {
    GZIP: bounded((input, length) => gunzipSync(input, most(length))),
    ZSTD: bounded((input, length) => zstdDecompressSync(input, most(length))),
    BROTLI: bounded((input, length) => brotliDecompressSync(input, most(length))),
    SNAPPY: bounded((input, length) => {
      const output = new Uint8Array(length)
      snappyUncompress(input, output)
      return output
    }),
  }
}

/** Times as ISO 8601, as JSON has them. */
const parsers = {
  timestampFromMilliseconds: (millis: bigint) => isoTime(Number(millis)),
  timestampFromMicroseconds: (micros: bigint) => isoTime(Number(micros / 1000n)),
  timestampFromNanoseconds: (nanos: bigint) => isoTime(Number(nanos / 1_000_000n)),
  dateFromDays: (days: number) => isoTime(days * 86_400_000),
}
const isoTime = (millis: number): string | null => (Math.abs(millis) <= 8.64e15 ? new Date(millis).toISOString() : null)

/** Whole numbers of 64 bits as numbers, or as texts where a number cannot hold them. */
function asJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Date) return isoTime(value.getTime())
  if (ArrayBuffer.isView(value)) return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : null
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (typeof value[i] !== 'string') value[i] = asJson(value[i])
  } else if (typeof value === 'object' && value !== null) {
    const fields = value as Record<string, unknown>
    for (const key of Object.keys(fields)) if (typeof fields[key] !== 'string') fields[key] = asJson(fields[key])
  }
  return value
}

const isList = ({ element, children }: SchemaTree): boolean => (element.converted_type === 'LIST' || element.logical_type?.type === 'LIST') && children.length === 1

function outlineOf({ children }: SchemaTree): Row {
  return Object.fromEntries(children.map((child) => [child.element.name, isList(child) || child.element.repetition_type === 'REPEATED' ? [] : child.children.length > 0 ? {} : '']))
}

/** The file's description without the columns that are not needed: nothing of them is read. */
function prune(metadata: FileMetaData, tree: SchemaTree, wanted: readonly string[] | undefined): FileMetaData {
  if (wanted === undefined) return metadata
  const leaves = new Set<string>()
  /** Elements kept at and below a node, in the file's order; none where nothing below is wanted. */
  const keep = (node: SchemaTree, name: string, parent: SchemaTree | null): SchemaElement[] => {
    if (node.children.length === 0) {
      if (!wanted.some((column) => name === column || name.startsWith(`${column}.`))) return []
      leaves.add(node.path.join('.'))
      return [node.element]
    }
    // A list's items stand one or two levels below it, under names that nobody means.
    const isPacking = isList(node) || (parent !== null && isList(parent) && node.children.length === 1)
    const kept = node.children.map((child) => keep(child, isPacking ? name : [name, child.element.name].filter(Boolean).join('.'), node)).filter((elements) => elements.length > 0)
    return kept.length === 0 ? [] : [{ ...node.element, num_children: kept.length }, ...kept.flat()]
  }
  const schema = keep(tree, '', null)
  if (schema.length === 0) return metadata
  return { ...metadata, schema, row_groups: metadata.row_groups.map((group) => ({ ...group, columns: group.columns.filter(({ meta_data }) => leaves.has(meta_data?.path_in_schema.join('.') ?? '')) })) }
}

/** A small column may be unpacked again for every slice. */
function isIndexed({ offset_index_offset, meta_data }: RowGroup['columns'][number]): boolean {
  return offset_index_offset !== undefined || Number(meta_data?.total_uncompressed_size ?? 0) < SMALL_COLUMN_BYTES
}

function bytesOf(group: RowGroup, what: 'total_compressed_size' | 'total_uncompressed_size'): number {
  return group.columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.[what] ?? 0), 0)
}
