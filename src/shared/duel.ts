/** The shapes of blind duels between two models' answers. */
import type { Interval } from './types.ts'

export type DuelSide = 'left' | 'right' | 'tie'
/** One pair as it is shown: nothing tells whose answer is whose. */
export type ShownPair = { index: number; prompt: string; left: string; right: string }
export type DuelResult = { winsA: number; winsB: number; ties: number; /** Percent of a, ties half. */ share: Interval; /** Sign test on the pairs that are no ties. */ p: number }
export type DuelRow = { id: string; nameA: string; nameB: string; decided: number; total: number; createdAt: string }
