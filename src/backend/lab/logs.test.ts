import { describe, expect, it } from 'vitest'
import { aLabWorkspace, queueRun, aRecipe, execute } from '../../../tests/support/lab-workspace.ts'
import type { FeedbackRow, Message } from '../../shared/types.ts'
import { readStoredSamples } from '../storage/run-stages.ts'
import { firstRequests } from './logs.ts'

const user = (content: string): Message => ({ role: 'user', content })
const assistant = (content: string): Message => ({ role: 'assistant', content })
const row = (conversationId: string, prompt: Message[], reply: string, label: FeedbackRow['label']): FeedbackRow => ({ prompt, reply, label, userFeedback: null, conversationId, turnIndex: prompt.length + 1, task: null })

describe('the requests of a log', () => {
  const asked = row('a', [user('three dinners')], 'soup', 'dissatisfied')
  const complaint = row('a', [user('three dinners'), assistant('soup'), user('no, three!')], 'soup, tacos, pho', 'satisfied')
  const next = row('a', [...complaint.prompt, assistant('soup, tacos, pho'), user('thanks. And a gift?')], 'a mug', 'neutral')

  it('are not those messages that only say what was wrong', () => {
    expect(firstRequests([asked, complaint, next])).toEqual([asked, next])
  })

  it('are there whatever the user thought of the reply, each wording once', () => {
    const silent = row('b', [user('a trip')], 'oslo', 'neutral')
    expect(firstRequests([asked, silent, row('c', [user('a trip')], 'rome', 'satisfied')])).toEqual([asked, silent])
  })
})

describe('rows drawn for a round', () => {
  it('are all different while there are enough, then come again', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('spin', { pairs_per_round: 7 }))
    await execute(workspace, lease)
    const conversations = readStoredSamples(workspace.db, lease.runId, 'round-1/sample').map(({ conversationId }) => conversationId)
    // Three rows are satisfied.
    expect([new Set(conversations.slice(0, 3)).size, new Set(conversations.slice(3, 6)).size, conversations.length]).toEqual([3, 3, 7])
    const second = readStoredSamples(workspace.db, lease.runId, 'round-2/sample').map(({ conversationId }) => conversationId)
    expect(second).not.toEqual(conversations)
  })
})
