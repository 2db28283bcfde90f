/** Brings what a browser was given into the workspace: how far it is, to be cancelled, and what could not be brought. */
import { onBeforeUnmount, ref, type Ref } from 'vue'
import { useClient } from '../client.ts'
import { keyOfFolder, named, problemOf, type Given } from './dropped-files.ts'
import { isReadable, uploadFile } from './upload-file.ts'

export type Upload = { words: string; bytes: number; total: number }

export function useUploads(): { upload: Ref<Upload | null>; /** What of the folders was left out, in words. */ remark: Ref<string>; bring(given: Given | Promise<Given>): Promise<string[]>; cancel(): void } {
  const client = useClient()
  const upload = ref<Upload | null>(null)
  const remark = ref('')
  let controller: AbortController | null = null
  const cancel = (): void => controller?.abort()
  onBeforeUnmount(cancel)

  /** @returns paths in the workspace, of files and of folders; none where it was cancelled. @throws Error where nothing can be read */
  async function bring(asked: Given | Promise<Given>): Promise<string[]> {
    cancel()
    const own = (controller = new AbortController())
    remark.value = ''
    upload.value = { words: 'Looking through what was dropped', bytes: 0, total: 0 }
    try {
      const { files, folders } = await asked
      for (const folder of folders) {
        const readable = await Promise.all(folder.files.map(({ file }) => isReadable(file)))
        folder.unread.push(...folder.files.filter((_, at) => !readable[at]).map(({ path }) => path))
        folder.files = folder.files.filter((_, at) => readable[at])
        const problem = problemOf(folder)
        if (problem !== '') throw new Error(problem)
      }
      const all = [...files.map((file) => ({ file })), ...folders.flatMap((folder) => folder.files.map(({ path, file }) => ({ file, within: { folder: keyOfFolder(folder), path } })))]
      const total = all.reduce((sum, { file }) => sum + file.size, 0)
      const paths = new Set<string>()
      let before = 0
      for (const [at, one] of all.entries()) {
        own.signal.throwIfAborted()
        paths.add(await uploadFile(client, one.file, { ...one, signal: own.signal, onProgress: (bytes) => (upload.value = { words: `Bringing ${one.file.name} into the workspace${all.length > 1 ? `, file ${at + 1} of ${all.length}` : ''}`, bytes: before + bytes, total }) }))
        before += one.file.size
      }
      remark.value = remarkOn(folders.flatMap(({ unread }) => unread), folders.flatMap(({ leftOut }) => leftOut))
      return [...paths]
    } catch (error) {
      if (own.signal.aborted) return []
      throw error
    } finally {
      if (controller === own) upload.value = null
    }
  }
  return { upload, remark, bring, cancel }
}

function remarkOn(unread: readonly string[], leftOut: readonly string[]): string {
  return [
    ...(unread.length > 0 ? [`Not read, this browser may not: ${named(unread)}.`] : []),
    ...(leftOut.length > 0 ? [`No rows in: ${named(leftOut)}.`] : []),
  ].join(' ')
}
