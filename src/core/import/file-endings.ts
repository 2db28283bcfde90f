/** Endings of files that hold rows and of what they are packed with, as parts of regular expressions. */
export const ROW_ENDINGS = 'jsonl?|ndjson|csv|tsv|parquet'
export const PACKED_ENDINGS = 'gz|gzip|zst|zstd'

const IMPORTABLE = new RegExp(`\\.(${ROW_ENDINGS})(\\.(${PACKED_ENDINGS}))?$`, 'i')
const ENDINGS = new RegExp(`(\\.(${ROW_ENDINGS}|${PACKED_ENDINGS}))+$`, 'i')

export const isImportable = (name: string): boolean => IMPORTABLE.test(name)

/** Of a data set's folder: descriptions, not rows. */
const DESCRIPTIONS = new Set(['dataset_info.json', 'dataset_infos.json', 'dataset_dict.json', 'state.json', 'package.json'])
export const isHidden = (name: string): boolean => name.startsWith('.')
/** Whether a file in a folder that is imported is read. */
export const holdsRows = (name: string): boolean => !isHidden(name) && isImportable(name) && !DESCRIPTIONS.has(name)
/** Where a folder has no such file. @param holdsArrow whether it has files of the datasets library's cache */
export const noRowsIn = (folder: string, holdsArrow: boolean): string => `import: expected files that end in .json, .jsonl, .csv or .parquet (also .gz, .zst) in the folder ${folder}, found none${holdsArrow ? '. Its .arrow files are the cache of the datasets library: save the data set with to_parquet() or to_json()' : ''}`

export const withoutEndings = (name: string): string => name.replace(ENDINGS, '')

/** Whatever follows the table's own ending. */
export const isTableName = (name: string): boolean => /\.(csv|tsv)(\.\w+)?$/i.test(name)
