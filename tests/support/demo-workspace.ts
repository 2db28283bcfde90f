/** A workspace as the built-in experiment prepares it, small: logs, datasets and recipes of three methods under seed 1. */
import { prepareDemo } from '../../src/backend/demo/prepare.ts'
import { type DemoSize, QUICK } from '../../src/backend/demo/settings.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'

/** @param size what differs from the quick experiment, cut to 250 users and 30 held-out requests */
export const fillDemo = (size: Partial<DemoSize>) => async (path: string): Promise<void> => {
  const workspace = openWorkspace(path)
  await prepareDemo(workspace, { seeds: [1], size: { ...QUICK, users: 250, heldoutPrompts: 30, ...size }, methods: ['drift', 'spin', 'iterative-dpo'] })
  workspace.close()
}
