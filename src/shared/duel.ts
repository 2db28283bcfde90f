/** The shapes of blind duels between two models' answers. */
import type { Interval, ReplyOrigin } from './types.ts'

export type DuelSide = 'left' | 'right' | 'tie'
/** One pair as it is shown: nothing tells whose answer is whose. */
export type ShownPair = { index: number; prompt: string; left: string; right: string }
export type DuelResult = { winsA: number; winsB: number; ties: number; /** Percent of a, ties half. */ share: Interval; /** Sign test on the pairs that are no ties. */ p: number }
/** A pair once it is decided: whose answer is whose, and where each comes from (null: a file of elsewhere). */
export type DecidedPair = { index: number; prompt: string; winner: 'a' | 'b' | 'tie'; reasons: string[]; a: string; b: string; originA: ReplyOrigin | null; originB: ReplyOrigin | null }
export type DuelRow = { id: string; nameA: string; nameB: string; decided: number; total: number; createdAt: string }
