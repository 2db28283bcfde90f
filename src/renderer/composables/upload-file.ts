import type { Client } from '../client.ts'

const PART_BYTES = 2 * 1024 * 1024

export type Uploading = {
  onProgress(bytes: number): void
  signal?: AbortSignal
  /** Of what folder it is, and its path from there on. */
  within?: { folder: string; path: string }
}

/** Brings a file of the browser's machine into the workspace's uploads. @returns its path there, or that of its folder */
export async function uploadFile(client: Client, file: File, { onProgress, signal, within }: Uploading): Promise<string> {
  const about = { name: within?.path ?? file.name, ...(within && { folder: within.folder }), size: file.size, modifiedMs: file.lastModified }
  let there = await client.call('imports.upload', { ...about, start: 0, base64: '' })
  while (there.bytes < file.size) {
    signal?.throwIfAborted()
    onProgress(there.bytes)
    there = await client.call('imports.upload', { ...about, start: there.bytes, base64: await readBase64(file, there.bytes) })
  }
  onProgress(file.size)
  return there.path
}

/** Whether its bytes can be had: a browser hands over names of files that it may not read. */
export const isReadable = (file: File): Promise<boolean> => file.slice(0, 1).arrayBuffer().then(() => true, () => false)

function readBase64(file: File, from: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''))
    reader.onerror = () => reject(new Error(`${file.name} could not be read: expected a file that this browser may read and that stays as it is, got "${reader.error?.message ?? 'no reason'}". Drop it again`))
    reader.readAsDataURL(file.slice(from, from + PART_BYTES))
  })
}
