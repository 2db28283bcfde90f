/** The verbs that look after the app itself: doctor, serve, open. */
import { Command, InvalidArgumentError } from 'commander'
import { join } from 'node:path'

/** The interface as `scripts/launch.mjs` builds it. */
export const interfaceFolder: string = join(import.meta.dirname, '..', '..', 'out', 'renderer')

export function registerHostVerbs(program: Command): void {
  program
    .command('doctor')
    .description('what works on this machine; exit 1 when node, sqlite or onnx does not')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: { json?: true }) => {
      const { essentialChecks, runDoctor } = await import('../backend/doctor.ts')
      const checks = await runDoctor()
      if (options.json) console.log(JSON.stringify({ checks }))
      else for (const { name, ok, detail } of checks) console.log(`${ok ? 'ok   ' : essentialChecks.includes(name) ? 'FAILS' : 'no   '} ${name.padEnd(9)} ${detail}`)
      if (checks.some(({ name, ok }) => !ok && essentialChecks.includes(name))) process.exitCode = 1
    })

  program
    .command('serve')
    .description('the workbench in a browser, without a desktop: prints its address when ready, ends with Ctrl-C')
    .requiredOption('--workspace <dir>', 'folder of the workspace (made where there is none)')
    .option('--host <address>', 'address to listen on; others than loopback need a token', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 takes a free one', parsePort, 0)
    .option('--token <text>', 'what a browser must show (generated on loopback)')
    .option('--json', 'the address as one JSON object on stdout')
    .action(async (options: { workspace: string; host: string; port: number; token?: string; json?: true }) => {
      const { runServer } = await import('./serve.ts')
      await runServer(options)
    })

  program
    .command('open')
    .description('the workbench: a window where the Electron runtime and a display are here, else a browser page')
    .option('--workspace <dir>', 'folder of the workspace; else the last one, else the sample')
    .option('--port <number>', 'port of the browser page; 0 takes a free one', parsePort, 0)
    .option('--no-demo', 'do not run the quick experiment on the very first start')
    .option('--json', 'machine output alone on stdout')
    .action(async (options: { workspace?: string; port: number; demo: boolean; json?: true }) => {
      const { openWorkbench } = await import('./open.ts')
      await openWorkbench(options)
    })
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('expected a number from 0 to 65535.')
  return port
}
