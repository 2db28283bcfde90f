/** What the capsule verbs do. */
import { openCapsule } from '../backend/capsules/open-capsule.ts'
import { saveCapsule } from '../backend/capsules/save-capsule.ts'
import { openWorkspace } from '../backend/storage/open.ts'
import { appVersion } from '../backend/version.ts'
import type { OpenOptions, SaveOptions } from './capsule-verbs.ts'
import { openWorkbench } from './open.ts'

export async function saveCapsuleVerb(of: string[], options: SaveOptions): Promise<void> {
  const workspace = openWorkspace(options.workspace, { create: false })
  try {
    const saved = await saveCapsule(workspace, { of, output: options.output, withModels: options.withModels === true }, appVersion)
    if (options.json) console.log(JSON.stringify(saved))
    else console.log(`${saved.path}\n${saved.runs} runs, ${saved.datasets} datasets, ${saved.conversations} conversations, ${saved.models === 0 ? 'no models' : `${saved.models} models`}, ${saved.report ? 'with' : 'without'} a report; ${saved.bytes} bytes\nfingerprint ${saved.fingerprint}`)
  } finally {
    workspace.close()
  }
}

export async function openCapsuleVerb(file: string, options: OpenOptions): Promise<void> {
  const { folder, info, manifest } = await openCapsule(file)
  if (options.json) {
    console.log(JSON.stringify({ workspace: folder, ...info, runs: manifest.runs, datasets: manifest.datasets, models: manifest.models, versions: manifest.versions }))
    return
  }
  console.log(`${info.title}: ${manifest.runs.length} runs, ${manifest.entries.length} entries verified, fingerprint ${info.fingerprint}\nread-only in ${folder}`)
  await openWorkbench({ workspace: folder, port: 0, demo: false })
}
