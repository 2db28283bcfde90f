import type { ConversationSelection } from '../../../shared/browse.ts'
import { count } from '../../charts/format.ts'

const NAMES: Readonly<Record<string, string>> = { query: 'words', minTurns: 'messages, at least', maxTurns: 'messages, at most', minCharacters: 'characters, at least', maxCharacters: 'characters, at most', from: 'from', to: 'until', near: 'has a near-duplicate', personal: 'personal data' }

/** Which conversations a dataset was made of, as its dialog and its recipe say it. */
export function inWords(selection: ConversationSelection): string {
  if ('ids' in selection) return selection.ids.length === 1 ? 'the one selected' : `the ${count(selection.ids.length)} selected`
  const { query, ...others } = selection.filter
  const fields = Object.entries({ query, ...others }).filter(([, value]) => value !== undefined)
  const out = selection.except?.length ?? 0
  const but = out === 0 ? '' : `, but ${count(out)} taken out`
  return fields.length === 0 ? `all${but}` : fields.map(([name, value]) => `${NAMES[name] ?? name} ${typeof value === 'number' ? count(value) : value}`).join(' · ') + but
}
