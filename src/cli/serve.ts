/** `drift serve`: one workspace, one headless host, until it is interrupted. */
import { openBackend } from '../backend/index.ts'
import { serve } from '../server/index.ts'
import { interfaceFolder } from './host-verbs.ts'
import { interruption } from './interruption.ts'

export async function runServer(options: { workspace: string; host: string; port: number; token?: string; json?: true }): Promise<void> {
  const interrupted = interruption()
  const backend = await openBackend({ workspace: options.workspace, host: 'server' })
  try {
    const serving = await serve({ backend, interfaceFolder, ...options })
    if (options.json) console.log(JSON.stringify({ url: serving.url, port: serving.port, token: serving.token, workspace: backend.workspace.path }))
    else console.log(`DRIFT Workbench is ready: ${serving.url}`)
    await aborted(interrupted)
    await serving.close()
  } finally {
    await backend.close()
  }
}

/** Resolves when the signal aborts: ending a host is how it is used, not a failure. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
