/** What an export's toast offers: a desktop shows the file, a browser downloads what lies in the workspace's exports. */
import { useWorkspace } from '../stores/workspace.ts'
import type { Toast } from '../stores/toasts.ts'
import { desktop } from './desktop.ts'
import { exportAddress } from './export-address.ts'

/** @param written full path as the backend gave it */
export function offerWritten(written: string, { isFolder = false } = {}): Toast['action'] {
  if (desktop) return { label: 'Show', run: () => desktop?.reveal(written) }
  const address = isFolder ? null : exportAddress(useWorkspace().info?.path ?? '', written)
  return address === null ? null : { label: 'Download', run: () => location.assign(address) }
}
