import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { simulateLog, type ChatMessage, type LogConversation } from './log.ts'
import { verifyReply } from './reply.ts'
import { parseRequest, splitOf } from './request.ts'

/** A policy that always answers three dinners, and improves once it is told off. */
async function stubReply(conversations: ChatMessage[][]): Promise<string[]> {
  return conversations.map((messages) => (messages.length === 1 ? '- curry\n- pizza\n- tacos' : '- curry\n- falafel'))
}
const draw = (seed: number, users = 400): Promise<LogConversation[]> => simulateLog({ seed, users, reply: stubReply })

describe('simulateLog', () => {
  it('gives the same rows for the same seed, for ever', async () => {
    const rows = await draw(11)
    expect(createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16)).toBe(LOG_HASH)
    expect(await draw(11)).toEqual(rows)
    expect((await draw(12))[0]?.messages).not.toEqual(rows[0]?.messages)
  })

  it('asks for replies in two waves: one per user, then one per written dissatisfaction', async () => {
    const waves: ChatMessage[][][] = []
    const rows = await simulateLog({ seed: 3, users: 300, reply: async (batch) => (waves.push(batch), stubReply(batch)) })
    expect(waves.length).toBe(2)
    expect(waves[0]?.length).toBe(300)
    expect(waves[0]?.every((messages) => messages.length === 1)).toBe(true)
    expect(waves[1]?.every((messages) => messages.length === 3)).toBe(true)
    expect(waves[1]?.length).toBe(rows.filter((row) => row.labels.some((label) => label.turn_index === 2 && label.dsat)).length)
  })

  it('labels the user messages that react, and only those', async () => {
    for (const row of await draw(4)) {
      row.messages.forEach((message, i) => expect(message.role).toBe(i % 2 === 0 ? 'user' : 'assistant'))
      const reacting = row.messages.flatMap((message, i) => (message.role === 'user' && i > 0 ? [i] : []))
      expect(row.labels.map((label) => label.turn_index)).toEqual(reacting)
      const written = row.metadata.reactions.filter((kind) => kind !== 'silent' && kind !== 'unspoken')
      expect(row.labels.map((label) => label.kind)).toEqual(written)
      expect(row.metadata.reactions.length).toBe(row.messages.filter((message) => message.role === 'assistant').length)
    }
  })

  it('carries a task that verifies the reply, and the refined one where a wish came later', async () => {
    const rows = await draw(5)
    const refined = rows.filter((row) => row.metadata.reactions[0] === 'refinement')
    expect(refined.length).toBeGreaterThan(5)
    for (const row of rows) {
      const spec = parseRequest(JSON.parse(JSON.stringify(row.metadata.task.spec)))
      expect(splitOf(spec)).toBe('log')
      expect(verifyReply(spec, row.messages[1]?.content ?? '').entries).toEqual(['curry', 'pizza', 'tacos'])
      expect(row.metadata.refined_task !== undefined).toBe(row.metadata.reactions[0] === 'refinement')
    }
    for (const { metadata } of refined) {
      const { must, mustnt } = metadata.refined_task?.spec ?? {}
      expect([must === metadata.task.spec.must, mustnt === metadata.task.spec.mustnt]).toContain(false)
    }
  })

  it('does not let one reaction move another: a changed reply changes its own conversation only', async () => {
    const rows = await draw(6, 50)
    const changed = await simulateLog({
      seed: 6,
      users: 50,
      reply: async (batch) => (await stubReply(batch)).map((reply, i) => (i === 7 && batch.length === 50 ? 'Certainly. chess.' : reply)),
    })
    expect(changed.filter((row, i) => i !== 7).map((row) => row.messages)).toEqual(rows.filter((row, i) => i !== 7).map((row) => row.messages))
  })

  it('says so when replies are missing', async () => {
    await expect(simulateLog({ seed: 1, users: 3, reply: async () => ['a'] })).rejects.toThrow('expected 3 replies, got 1')
  })
})

const LOG_HASH = 'e35c92e101e2d9d4'
