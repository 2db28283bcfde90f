/** What a browser was given: files, and folders with the files in them that hold rows. */
import { FNV_BASIS, fnv1a } from '../../core/fnv.ts'
import { holdsRows, isHidden, noRowsIn } from '../../core/import/file-endings.ts'

/** `path` begins with the folder's name. */
type FileOfFolder = { path: string; file: File }
export type GivenFolder = { name: string; files: FileOfFolder[]; /** Paths of what holds no rows, and of what the browser may not read. */ leftOut: string[]; unread: string[] }
export type Given = { files: File[]; folders: GivenFolder[] }

/** Reads through dropped folders. What was dropped is only known while the event lasts, so call it at once. */
export async function readDropped({ items }: DataTransfer): Promise<Given> {
  const dropped = [...items].filter(({ kind }) => kind === 'file').map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }))
  const folders = dropped.flatMap(({ entry }) => (entry?.isDirectory === true ? [entry as FileSystemDirectoryEntry] : []))
  const files = dropped.flatMap(({ entry, file }) => (entry?.isDirectory === true || file === null ? [] : [file]))
  return { files, folders: await Promise.all(folders.map(readFolder)) }
}

/** Of a field that takes a folder. */
export function chosenFolders(files: readonly File[]): GivenFolder[] {
  return [...Map.groupBy(files, ({ webkitRelativePath }) => webkitRelativePath.split('/')[0]!)].map(([name, own]) => {
    const folder: GivenFolder = { name, files: [], leftOut: [], unread: [] }
    for (const file of own) if (!file.webkitRelativePath.split('/').some(isHidden)) put(folder, file.webkitRelativePath, file)
    return folder
  })
}

async function readFolder(top: FileSystemDirectoryEntry): Promise<GivenFolder> {
  const folder: GivenFolder = { name: top.name, files: [], leftOut: [], unread: [] }
  const visit = async (directory: FileSystemDirectoryEntry, path: string): Promise<void> => {
    for (const entry of await entriesOf(directory)) {
      if (isHidden(entry.name)) continue
      const own = `${path}/${entry.name}`
      try {
        if (entry.isDirectory) await visit(entry as FileSystemDirectoryEntry, own)
        else put(folder, own, holdsRows(entry.name) ? await fileOf(entry as FileSystemFileEntry) : null)
      } catch {
        folder.unread.push(own)
      }
    }
  }
  try {
    await visit(top, top.name)
  } catch {
    folder.unread.push(top.name)
  }
  return folder
}

function put(folder: GivenFolder, path: string, file: File | null): void {
  if (file !== null && holdsRows(file.name)) folder.files.push({ path, file })
  else folder.leftOut.push(path)
}

/** A reader gives them in portions, an empty one at the end. */
async function entriesOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader()
  const all: FileSystemEntry[] = []
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (portion.length === 0) return all
    all.push(...portion)
  }
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> => new Promise((resolve, reject) => entry.file(resolve, reject))

/** The same for the same folder: names, sizes and times of its files. */
export function keyOfFolder({ files }: GivenFolder): string {
  const listing = files.map(({ path, file: { size, lastModified } }) => `${path}\0${size}\0${lastModified}`).sort().join('\n')
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0)
  return [files.length, bytes, ...[FNV_BASIS, fnv1a(FNV_BASIS, 'folder')].map((basis) => (fnv1a(basis, listing) >>> 0).toString(16).padStart(8, '0'))].join('-')
}

/** Why there is nothing to import of a folder; empty where there is. */
export function problemOf({ name, files, leftOut, unread }: GivenFolder): string {
  if (files.length > 0) return ''
  return unread.length > 0 ? `${name}: expected files that this browser may read, got none: ${named(unread)}. Give their reader the right to them, or type the path where they lie on the backend’s machine` : noRowsIn(name, leftOut.some((path) => path.endsWith('.arrow')))
}

const NAMED = 3
/** The first of them by name. */
export function named(paths: readonly string[]): string {
  return `${paths.slice(0, NAMED).join(', ')}${paths.length > NAMED ? ` and ${paths.length - NAMED} more` : ''}`
}
