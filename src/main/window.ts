/** The one window: sandboxed, on app:// pages alone, where it was when it was last closed. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { app, BrowserWindow, type Rectangle, screen, session, shell } from 'electron'
import { pageOrigin } from './page-protocol.ts'

type WindowState = { bounds: Rectangle; maximized: boolean }

const stateFile = () => join(app.getPath('userData'), 'window.json')
const defaultSize = { width: 1440, height: 900 }
/** All that a page may ask for: putting text it shows on the clipboard. */
const allowedPermissions = ['clipboard-sanitized-write', 'fullscreen']

export function createWindow(): BrowserWindow {
  const state = readState()
  const window = new BrowserWindow({
    ...(state?.bounds ?? defaultSize),
    minWidth: 900,
    minHeight: 600,
    show: false,
    title: 'DRIFT Workbench',
    webPreferences: { preload: join(import.meta.dirname, '..', 'preload', 'index.cjs'), contextIsolation: true, sandbox: true, nodeIntegration: false, webviewTag: false, spellcheck: false },
  })
  if (state?.maximized) window.maximize()
  window.once('ready-to-show', () => window.show())
  window.on('close', () => saveState({ bounds: window.getNormalBounds(), maximized: window.isMaximized() }))
  void window.loadURL(`${pageOrigin}/`)
  return window
}

/** Where a link in a conversation may lead: the system's browser or mail program opens it. */
const outsideProtocols = ['https:', 'http:', 'mailto:']

/** Holds for every page of the app, also ones nobody meant to open. */
export function confinePages(): void {
  app.on('web-contents-created', (_event, contents) => {
    contents.setWindowOpenHandler(({ url }) => {
      if (outsideProtocols.includes(new URL(url).protocol)) void shell.openExternal(url)
      return { action: 'deny' }
    })
    contents.on('will-navigate', (event) => {
      if (!isOwnPage(event.url)) event.preventDefault()
    })
    contents.on('will-attach-webview', (event) => event.preventDefault())
  })
  session.defaultSession.setPermissionRequestHandler((_contents, permission, decide) => decide(allowedPermissions.includes(permission)))
  session.defaultSession.setPermissionCheckHandler((_contents, permission) => allowedPermissions.includes(permission))
}

export const isOwnPage = (url: string): boolean => url.startsWith(`${pageOrigin}/`)

function readState(): WindowState | null {
  try {
    const state = JSON.parse(readFileSync(stateFile(), 'utf8')) as WindowState
    return isOnAScreen(state.bounds) ? state : null
  } catch {
    return null
  }
}

/** A screen may be gone since: half of the title bar must be within reach. */
function isOnAScreen({ x, y, width }: Rectangle): boolean {
  return screen.getAllDisplays().some(({ workArea }) => x + width / 2 > workArea.x && x + width / 2 < workArea.x + workArea.width && y >= workArea.y - 10 && y < workArea.y + workArea.height - 50)
}

function saveState(state: WindowState): void {
  try {
    writeFileSync(stateFile(), JSON.stringify(state))
  } catch (error) {
    console.error(`the window's place is not kept: ${error instanceof Error ? error.message : String(error)}`)
  }
}
