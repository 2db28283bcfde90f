import type { Client } from '../client.ts'

const PART_BYTES = 2 * 1024 * 1024

/** Brings a file of the browser's machine into the workspace's uploads. @returns its path there */
export async function uploadFile(client: Client, file: File, onProgress: (share: number) => void): Promise<string> {
  const about = { name: file.name, size: file.size, modifiedMs: file.lastModified }
  let there = await client.call('imports.upload', { ...about, start: 0, base64: '' })
  while (there.bytes < file.size) {
    onProgress(there.bytes / file.size)
    there = await client.call('imports.upload', { ...about, start: there.bytes, base64: await readBase64(file.slice(there.bytes, there.bytes + PART_BYTES)) })
  }
  return there.path
}

function readBase64(part: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''))
    reader.onerror = () => reject(new Error('the file could not be read: a folder is no file, and a file that has moved is gone'))
    reader.readAsDataURL(part)
  })
}
