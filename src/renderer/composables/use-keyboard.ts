/** The one key listener: finds the action for what was pressed, alone or as the second of a pair (`g c`). */
import { onBeforeUnmount, onMounted } from 'vue'
import { useActionStore, type Action } from '../stores/actions.ts'

const pairMs = 900
export const isMac = /Mac|iPhone|iPad/.test(navigator.platform)

export function useKeyboard(): void {
  const store = useActionStore()
  let first: { key: string; at: number } | null = null

  function onKey(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return
    const key = nameOf(event)
    if (key === null) return
    // In a text field mod+a takes the text.
    const global = key.startsWith('mod+') && key !== 'mod+a'
    if (!global && (isTyping(event.target) || isInLayer(event.target))) {
      // Escape leaves a text field; the next one is the page's.
      if (key === 'Escape' && isTyping(event.target) && !isInLayer(event.target)) (event.target as HTMLElement).blur()
      return
    }
    const pair = first && performance.now() - first.at < pairMs ? `${first.key} ${key}` : null
    const action = (pair && find(pair)) ?? find(key)
    first = null
    if (action) {
      // Enter and Space belong to the focused control.
      if ((key === 'Enter' || key === 'Space') && isControl(event.target)) return
      event.preventDefault()
      action.run()
    } else if (store.all.some((candidate) => keysOf(candidate).some((keys) => keys.startsWith(`${key} `)))) first = { key, at: performance.now() }
  }

  const find = (keys: string): Action | undefined => store.all.findLast((action) => action.enabled !== false && keysOf(action).includes(keys))

  onMounted(() => window.addEventListener('keydown', onKey))
  onBeforeUnmount(() => window.removeEventListener('keydown', onKey))
}

export const keysOf = (action: Action): string[] => action.keys?.split(' | ') ?? []

function nameOf(event: KeyboardEvent): string | null {
  if (['Shift', 'Control', 'Meta', 'Alt'].includes(event.key)) return null
  if (event.altKey) return null
  const key = event.key === ' ' ? 'Space' : event.key
  if (isMac ? event.metaKey : event.ctrlKey) return `mod+${key.toLowerCase()}`
  return event.ctrlKey || event.metaKey ? null : key
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'range'].includes(target.type)))
}

const isControl = (target: EventTarget | null): boolean => target instanceof Element && target.closest('button, a, [role="button"], [role="tab"], summary') !== null

/** What lies over the page (dialogs, menus, lists of choices) keeps its keys to itself; a list that is part of the page does not. */
function isInLayer(target: EventTarget | null): boolean {
  return (target instanceof Element && target.closest('main') === null && target.closest('[role="dialog"], [role="menu"], [role="listbox"]') !== null) || document.querySelector('[role="dialog"][data-state="open"]') !== null
}
