import { resolve } from 'node:path'
import { readModelOutputs } from '../../core/evals/alpaca-files.ts'
import { type Decision, type DuelPair, duelResult, lossRows, pairUp } from '../../core/evals/duels.ts'
import type { Handlers } from '../../shared/contract.ts'
import { UsageError } from '../../shared/errors.ts'
import { readTable } from '../evaluations/read-table.ts'
import { hashFile } from '../hash-file.ts'
import type { Session } from '../session.ts'
import { conversationId } from '../storage/conversations.ts'
import { createDataset } from '../storage/datasets.ts'
import { insertDuel, listDuels, nextPair, readPair, readPairs, requireDuel, setDecision } from '../storage/duels.ts'

export function duelsApi({ workspace, push }: Session) {
  const { db, path } = workspace
  const decidedPairs = (id: string): (DuelPair & Decision)[] => readPairs(db, id).flatMap(({ decision, ...pair }) => (decision === null ? [] : [{ ...pair, ...decision }]))
  return {
    'duels.list': () => listDuels(db),
    'duels.start': async ({ a, b, seed }) => {
      const [first, second] = await Promise.all([a, b].map((file) => readSide(resolve(path, file))))
      const pairs = pairUp(first!.outputs, second!.outputs, seed)
      if (pairs.length === 0) throw new UsageError(`duel: expected requests that both files answer differently, found none in ${a} and ${b}`)
      const id = insertDuel(db, { nameA: first!.name, nameB: second!.name, seed, files: [first!.file, second!.file], pairs }, new Date().toISOString())
      push({ type: 'workspace.changed', nouns: ['evaluations'] })
      return { id }
    },
    'duels.next': ({ id }) => {
      const { decided, total } = requireDuel(db, id)
      const open = nextPair(db, id)
      return { decided, total, pair: open === null ? null : { index: open.index, prompt: open.prompt, left: open.aIsLeft ? open.a : open.b, right: open.aIsLeft ? open.b : open.a } }
    },
    'duels.decide': ({ id, index, winner, reasons }) => {
      const pair = readPair(db, id, index)
      const won = winner === 'left' === pair?.aIsLeft ? 'a' : 'b'
      setDecision(db, id, index, winner === null ? null : { winner: winner === 'tie' ? 'tie' : won, reasons })
      return { id }
    },
    'duels.result': ({ id }) => {
      requireDuel(db, id)
      return { result: duelResult(decidedPairs(id)) }
    },
    'duels.dataset': ({ id, name }) => {
      const { nameA, nameB } = requireDuel(db, id)
      const rows = lossRows(decidedPairs(id), (prompt, reply) => conversationId([{ role: 'user', content: prompt }, { role: 'assistant', content: reply }]))
      if (rows.length === 0) throw new UsageError(`duel ${id}: expected at least one answer that lost, found none. Ties say nothing against an answer`)
      const dataset = createDataset(db, { name, kind: 'feedback', rows, recipe: { duel: id, between: [nameA, nameB] } })
      push({ type: 'workspace.changed', nouns: ['datasets'] })
      return dataset
    },
  } satisfies Pick<Handlers, 'duels.list' | 'duels.start' | 'duels.next' | 'duels.decide' | 'duels.result' | 'duels.dataset'>
}

async function readSide(path: string) {
  const outputs = readModelOutputs(await readTable(path), path)
  return { outputs, name: outputs[0]?.generator || 'model', file: { path, sha256: await hashFile(path) } }
}
