/** The Electron host, put together: one window, one backend process, a port between them. No domain logic. */
import { parseArgs } from 'node:util'
import { app, BrowserWindow, dialog, ipcMain, type IpcMainEvent, type IpcMainInvokeEvent, shell } from 'electron'
import { chooseStart } from '../backend/first-start.ts'
import { backendProcess, type BackendProcess } from './backend-process.ts'
import { setMenu } from './menu.ts'
import { declarePageProtocol, failurePath, pageOrigin, servePages } from './page-protocol.ts'
import { confinePages, createWindow, isOwnPage } from './window.ts'

let window: BrowserWindow | null = null
let backendFailure: string | null = null

if (app.requestSingleInstanceLock()) run()
else app.quit()

function run(): void {
  declarePageProtocol()
  const backend = backendProcess(startFromArguments())
  app.on('second-instance', () => {
    window?.restore()
    window?.focus()
  })
  app.on('window-all-closed', () => app.quit())
  closeBeforeQuit(backend)
  void app.whenReady().then(() => {
    confinePages()
    servePages(() => backendFailure)
    answerPage(backend)
    setMenu({ openWorkspace: () => void chooseFolder().then((path) => path && backend.openWorkspace(path)) })
    window = createWindow()
    window.on('closed', () => (window = null))
  })
}

/** `npm start` decided already and says so; a double-clicked app decides itself. */
function startFromArguments() {
  const { values } = parseArgs({ args: process.argv.slice(1), strict: false, options: { workspace: { type: 'string' }, demo: { type: 'boolean' } } })
  const workspace = typeof values.workspace === 'string' ? values.workspace : undefined
  return workspace === undefined ? chooseStart({ demo: true }) : { workspace, runsDemo: values.demo === true }
}

function answerPage(backend: BackendProcess): void {
  ipcMain.on('drift-ready', (event) => {
    if (!isFromOurPage(event)) return
    backend.connect(event.sender).then(
      () => (backendFailure = null),
      (error: unknown) => {
        backendFailure = error instanceof Error ? error.message : String(error)
        void window?.loadURL(pageOrigin + failurePath)
      },
    )
  })
  ipcMain.handle('choose-files', async (event) => (isFromOurPage(event) ? await choose(['openFile', 'multiSelections']) : []))
  ipcMain.handle('choose-folder', async (event) => (isFromOurPage(event) ? await chooseFolder() : null))
  ipcMain.on('reveal', (event, path: unknown) => {
    if (isFromOurPage(event) && typeof path === 'string') shell.showItemInFolder(path)
  })
}

/** Messages count from the top frame of our window, on our own page. */
function isFromOurPage(event: IpcMainEvent | IpcMainInvokeEvent): boolean {
  return window !== null && event.sender === window.webContents && event.senderFrame === window.webContents.mainFrame && isOwnPage(event.senderFrame.url)
}

async function choose(properties: Electron.OpenDialogOptions['properties'] & object): Promise<string[]> {
  return window ? (await dialog.showOpenDialog(window, { properties })).filePaths : []
}

const chooseFolder = async () => (await choose(['openDirectory', 'createDirectory']))[0] ?? null

/** Runs are put into a state from which they continue before the process goes. */
function closeBeforeQuit(backend: BackendProcess): void {
  let isClosed = false
  app.on('before-quit', (event) => {
    if (isClosed) return
    event.preventDefault()
    void backend.close().finally(() => {
      isClosed = true
      app.quit()
    })
  })
}
