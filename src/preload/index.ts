/** Between page and main process: passes a port on, and four verbs of the desktop. Nothing else crosses. */
import { contextBridge, ipcRenderer, webUtils } from 'electron'
import type { Desktop } from '../shared/desktop.ts'

// The page's window, as far as it is used; the DOM's types would be in scope for all Node code.
declare const window: {
  addEventListener(type: 'message', listener: (event: { source: unknown; data: unknown }) => void): void
  postMessage(message: unknown, targetOrigin: string, transfer: readonly unknown[]): void
}

// A port cannot cross the context bridge; a message to the window can carry it.
window.addEventListener('message', (event) => {
  if (event.source === window && isReady(event.data)) ipcRenderer.send('drift-ready')
})
ipcRenderer.on('drift-port', (event) => window.postMessage({ type: 'drift-port' }, '*', event.ports))

const isReady = (data: unknown) => typeof data === 'object' && data !== null && 'type' in data && data.type === 'drift-ready'

contextBridge.exposeInMainWorld('driftDesktop', {
  chooseFiles: () => ipcRenderer.invoke('choose-files'),
  chooseFolder: () => ipcRenderer.invoke('choose-folder'),
  pathOf: (file) => webUtils.getPathForFile(file),
  reveal: (path) => ipcRenderer.send('reveal', path),
} satisfies Desktop)
