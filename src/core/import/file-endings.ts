/** Endings of files that hold rows and of what they are packed with, as parts of regular expressions. */
export const ROW_ENDINGS = 'jsonl?|ndjson|csv|tsv|parquet'
export const PACKED_ENDINGS = 'gz|gzip|zst|zstd'

const IMPORTABLE = new RegExp(`\\.(${ROW_ENDINGS})(\\.(${PACKED_ENDINGS}))?$`, 'i')
const ENDINGS = new RegExp(`(\\.(${ROW_ENDINGS}|${PACKED_ENDINGS}))+$`, 'i')

export const isImportable = (name: string): boolean => IMPORTABLE.test(name)

export const withoutEndings = (name: string): string => name.replace(ENDINGS, '')

/** Whatever follows the table's own ending. */
export const isTableName = (name: string): boolean => /\.(csv|tsv)(\.\w+)?$/i.test(name)
