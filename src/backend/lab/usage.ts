/** What a run has used of the logs so far, for the fairness ledger. Filled anew by every replay, in the same order. */
import type { Logs, SamplePrompt } from '../../recipes/lab.ts'
import type { FeedbackRow, Message, Pair } from '../../shared/types.ts'
import type { StageCounts } from '../storage/run-stages.ts'

export class Usage {
  private readonly disliked = new Set<string>()
  private readonly liked = new Set<string>()
  private readonly signals = new Set<string>()
  private readonly prompts = new Set<string>()
  private drawn = new Set<string>()

  constructor(logs: Logs) {
    for (const row of logs.dissatisfied) this.disliked.add(replyKey(row.conversationId, row.reply))
    for (const row of logs.satisfied) this.liked.add(replyKey(row.conversationId, row.reply))
    for (const { provenance, chosen, rejected } of logs.seedPairs) {
      if (provenance.conversationId === null) continue
      this.liked.add(replyKey(provenance.conversationId, chosen))
      this.disliked.add(replyKey(provenance.conversationId, rejected))
    }
  }

  addSamples(prompts: readonly SamplePrompt[], replies: readonly string[][]): void {
    this.drawn = new Set()
    prompts.forEach(({ messages, about }, i) => {
      this.addPrompt(about.prompt)
      // A guided prompt shows the disliked reply and what its user said of it.
      if (messages !== about.prompt) this.signals.add(replyKey(about.conversationId, about.reply))
      for (const reply of replies[i] ?? []) this.drawn.add(replyKey(about.conversationId, reply))
    })
  }

  /** A signal is used where a logged reply stands on a side of a pair because of what its user thought of it. */
  addPairs(pairs: readonly Pair[]): void {
    for (const { prompt, chosen, rejected, provenance: { conversationId } } of pairs) {
      this.addPrompt(prompt)
      if (conversationId === null) continue
      const [better, worse] = [replyKey(conversationId, chosen), replyKey(conversationId, rejected)]
      if (this.liked.has(better) && !this.drawn.has(better)) this.signals.add(better)
      if (this.disliked.has(worse) && !this.drawn.has(worse)) this.signals.add(worse)
    }
  }

  /** Rows whose labels a reward model learns from. */
  addLabels(rows: readonly FeedbackRow[]): void {
    for (const row of rows) this.signals.add(replyKey(row.conversationId, row.reply))
  }

  counts(): Pick<StageCounts, 'signals' | 'uniquePrompts'> {
    return { signals: this.signals.size, uniquePrompts: this.prompts.size }
  }

  private addPrompt(prompt: readonly Message[]): void {
    this.prompts.add(JSON.stringify(prompt))
  }
}

const replyKey = (conversationId: string, reply: string): string => `${conversationId}\n${reply}`
