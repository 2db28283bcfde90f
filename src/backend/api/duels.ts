import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { readModelOutputs } from '../../core/evals/alpaca-files.ts'
import { type Decision, type DuelAnswer, type DuelPair, duelResult, lossRows, pairUp } from '../../core/evals/duels.ts'
import type { Handlers } from '../../shared/contract.ts'
import { UsageError } from '../../shared/errors.ts'
import { readTable } from '../evaluations/read-table.ts'
import { hashFile } from '../hash-file.ts'
import type { Session } from '../session.ts'
import { readLastAnswers } from '../storage/boards.ts'
import { answeredFiles } from '../storage/answers.ts'
import { conversationId } from '../storage/conversations.ts'
import { createDataset } from '../storage/datasets.ts'
import { insertDuel, listDuels, nextPair, readPair, readPairs, requireDuel, setDecision } from '../storage/duels.ts'
import type { ReadableDb } from '../storage/open.ts'

type Side = { outputs: DuelAnswer[]; name: string; /** What it was read from. */ file: { path: string; sha256: string } }

export function duelsApi({ workspace, push }: Session) {
  const { db, path } = workspace
  const decidedPairs = (id: string): (DuelPair & Decision & { index: number })[] => readPairs(db, id).flatMap(({ decision, ...pair }) => (decision === null ? [] : [{ ...pair, ...decision }]))
  return {
    'duels.list': () => listDuels(db),
    'duels.start': async ({ a, b, seed }) => {
      const [first, second] = await Promise.all([a, b].map((side) => (typeof side === 'string' ? readFile(db, resolve(path, side)) : readRun(db, side.run))))
      const pairs = pairUp(first!.outputs, second!.outputs, seed)
      if (pairs.length === 0) throw new UsageError(`duel: expected requests that both sides answer differently, found none in ${first!.name} and ${second!.name}`)
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
      const pairs = decidedPairs(id)
      return { result: duelResult(pairs), pairs: pairs.map(({ aIsLeft: _, ...pair }) => pair) }
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

/** A file that a set of answers left, and nobody changed, is known again by its hash; its rows are the set's. */
async function readFile(db: ReadableDb, path: string): Promise<Side> {
  const outputs = readModelOutputs(await readTable(path), path)
  const sha256 = await hashFile(path)
  const set = answeredFiles(db).get(sha256)
  const originOf = (index: number): DuelAnswer['origin'] => (set === undefined ? null : { answers: set.id, index, run: set.run, checkpoint: set.checkpoint })
  return { outputs: outputs.map((row, i) => ({ ...row, origin: originOf(i) })), name: outputs[0]?.generator || 'model', file: { path, sha256 } }
}

function readRun(db: ReadableDb, id: string): Side {
  const outputs = readLastAnswers(db, id).map(({ prompt, answer, origin }): DuelAnswer => ({ instruction: prompt, output: answer, origin }))
  return { outputs, name: id, file: { path: `runs/${id}`, sha256: createHash('sha256').update(JSON.stringify(outputs)).digest('hex') } }
}
