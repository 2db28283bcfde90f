/** The shape of a pair token by token (computed by the engine's inspect.ts, shown by the token view). */

export type InspectedToken = {
  id: number
  /** What it adds to the text; '' where a later token completes the character it begins. */
  text: string
  /** Added by the chat template, not part of a message's own text. */
  template: boolean
  /** Left out by the length limit: training never sees it. */
  cut: boolean
  /** Natural log-probability given all tokens before it; null for the first token, and for what is cut. */
  logp: number | null
  refLogp: number | null
}

export type InspectedSide = { tokens: InspectedToken[]; logps: number | null; refLogps: number | null; logRatio: number | null }

export type InspectedPair = {
  prompt: InspectedToken[]
  chosen: InspectedSide
  rejected: InspectedSide
  /** The limit that cut something. */
  limit: { tokens: number; rule: 'max_length' | 'max_position_embeddings'; mode: 'keep_start' | 'keep_end' } | null
  /** Why training leaves the pair out. */
  dropped: string | null
  lostPromptEnd: string
  beta: number
  /** beta (log-ratio of chosen - log-ratio of rejected). */
  margin: number | null
  /** beta sigmoid(-margin). */
  weight: number | null
}

/** A model folder of the workspace that can score. */
export type ModelEntry = {
  /** Relative to the workspace, or absolute. */
  path: string
  name: string
  /** The run that trained it. */
  run: string | null
  /** The model it was trained against. */
  reference: string | null
}

export type PairInspection = {
  pair: InspectedPair
  /** Paths, as in `models.list`. */
  policy: string
  reference: string | null
  /** What a reader should know: the pair was held out, or is none that was trained on. */
  note: string | null
}
