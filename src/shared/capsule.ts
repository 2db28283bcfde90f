/** A capsule: runs with all they need in one `.drift` file, opened as a workspace that can only be read. */
import type { CallName } from './contract.ts'

/** What an opened capsule says of itself. */
export type CapsuleInfo = {
  title: string
  createdAt: string
  /** Of the app that wrote it. */
  appVersion: string
  /** SHA-256 of its list of contents, which holds the hash of every entry: equal fingerprints are equal capsules. */
  fingerprint: string
  runs: number
  /** Whether the weights are in it. */
  models: boolean
  /** Whether its author's rubric is in it; capsules of earlier versions came without. */
  rubric: boolean
}

export type SavedCapsule = { path: string; bytes: number; fingerprint: string; runs: number; datasets: number; conversations: number; models: number; /** False where the runs have no evaluation to report. */ report: boolean }

/** Calls that start or change something: refused in an opened capsule, whose database refuses writes by itself too. */
export const WRITING_CALLS: ReadonlySet<CallName> = new Set<CallName>([
  'imports.start', 'imports.upload', 'imports.mend', 'imports.dismiss', 'signals.run', 'signals.retrain', 'signals.configureJudge', 'signals.saveRubric', 'signals.label',
  'conversations.tag', 'conversations.undoTag', 'conversations.saveView', 'conversations.renameView', 'conversations.removeView', 'conversations.analyse', 'conversations.makeMap', 'conversations.delete', 'conversations.restore', 'conversations.purge',
  'review.queue', 'review.label', 'review.undo', 'datasets.build', 'datasets.fix', 'datasets.check',
  'runs.start', 'runs.pause', 'runs.resume', 'runs.cancel', 'runs.script', 'runs.note', 'runs.tag', 'runs.mark', 'runs.import', 'races.start', 'races.continue', 'demo.start',
  'evaluations.start', 'evaluations.resume', 'evaluations.remove', 'answers.start', 'answers.resume', 'answers.remove', 'duels.start', 'duels.decide', 'duels.dataset', 'capsules.save', 'engines.parity',
])
