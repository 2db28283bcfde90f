/** What can be done anywhere: go to a page, change the theme, run the experiment, ask for help. */
import { ref, type Ref } from 'vue'
import { useRouter } from 'vue-router'
import { pages } from '../router.ts'
import { useActions, type Action } from '../stores/actions.ts'
import { useAppearance, type Theme } from '../stores/appearance.ts'
import { useWorkspace } from '../stores/workspace.ts'
import { duration } from '../charts/format.ts'
import { useCall } from './use-call.ts'

export function useFrameActions(): { paletteOpen: Ref<boolean>; sheetOpen: Ref<boolean> } {
  const paletteOpen = ref(false)
  const sheetOpen = ref(false)
  const router = useRouter()
  const appearance = useAppearance()
  const workspace = useWorkspace()
  // Measured by the engine's library, whose loading nobody waits for who does not look at the hint.
  const { data: estimate } = useCall('demo.estimate', () => (paletteOpen.value ? {} : null))

  const themes: [Theme, string][] = [['light', 'Use the light theme'], ['dark', 'Use the dark theme'], ['system', 'Follow the system’s theme']]
  useActions(() => [
    { id: 'palette', title: 'Find an action', group: 'Help', keys: 'mod+k', palette: false, run: () => (paletteOpen.value = !paletteOpen.value) },
    { id: 'help', title: 'Show the keys of this page', group: 'Help', keys: '?', run: () => (sheetOpen.value = true) },
    ...pages.map(({ path, title, key }): Action => ({ id: `go ${path}`, title, group: 'Go to', keys: `g ${key}`, run: () => void router.push(path) })),
    {
      id: 'experiment',
      writes: 'demo.start',
      title: 'Run the built-in experiment',
      group: 'Run',
      hint: estimate.value ? `about ${duration(estimate.value.quickMinutes * 60)}` : '',
      run: () => void workspace.runExperiment(),
    },
    { id: 'workspace', title: 'Open another workspace', group: 'Workspace', run: () => void router.push({ path: '/settings', query: { section: 'workspace' } }) },
    { id: 'rendered', title: appearance.rendered ? 'Show messages raw' : 'Render the markdown of messages', group: 'Appearance', keys: 'M', run: () => void (appearance.rendered = !appearance.rendered) },
    ...themes.map(([theme, title]): Action => ({ id: `theme ${theme}`, title, group: 'Appearance', hint: appearance.theme === theme ? 'in use' : '', run: () => void (appearance.theme = theme) })),
  ])
  return { paletteOpen, sheetOpen }
}
