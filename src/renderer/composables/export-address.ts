/** Where the host serves a file of the workspace's exports folder; null for a file that lies elsewhere. Both are full paths of the backend's machine. */
export function exportAddress(workspace: string, file: string): string | null {
  // A backslash parts folders on Windows alone; elsewhere it may stand in a name.
  const parted = (path: string): string => (/^(?:[a-z]:|\\\\)/i.test(workspace) ? path.replaceAll('\\', '/') : path)
  const folder = `${parted(workspace)}/exports/`
  const path = parted(file)
  if (workspace === '' || !path.startsWith(folder)) return null
  return `/exports/${path.slice(folder.length).split('/').map(encodeURIComponent).join('/')}`
}
