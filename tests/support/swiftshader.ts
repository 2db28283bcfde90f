/**
 * SwiftShader, the Vulkan implementation in software that Chromium carries with it: WebGPU without a GPU. Slow, and
 * strict about what is valid, which is what tests want.
 */
import { existsSync, mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { installedBrowser } from '../../scripts/browser.ts'

const FOLDERS = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/usr/lib64/chromium', '/opt/google/chrome']
const DRIVER = 'vk_swiftshader_icd.json'

/** What a process must be started with to have SwiftShader as its only adapter; null where it is not here. */
export function swiftshaderEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> | null {
  if (process.platform !== 'linux') return null
  const browser = installedBrowser(env)
  const besides = browser && existsSync(browser) ? [dirname(realpathSync(browser))] : []
  const folder = [...besides, ...FOLDERS].find(place => existsSync(join(place, DRIVER)) && existsSync(join(place, 'libvk_swiftshader.so')))
  if (!folder) return null
  const driver = join(folder, DRIVER)
  return {
    VK_DRIVER_FILES: driver,
    VK_ICD_FILENAMES: driver,
    // Chromium carries the Vulkan loader too.
    LD_LIBRARY_PATH: [folder, env['LD_LIBRARY_PATH']].filter(Boolean).join(delimiter),
    XDG_RUNTIME_DIR: env['XDG_RUNTIME_DIR'] ?? mkdtempSync(join(tmpdir(), 'drift-runtime-')),
  }
}
