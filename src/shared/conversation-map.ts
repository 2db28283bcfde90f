/** What crosses the contract about the map of conversations. */

/** Points of one map. More hide one another: on a plot of 1000 x 600 px, marks of 3 px cover it one and a half times. */
export const MAP_LIMIT = 100_000

/** What points can be coloured by. */
export const MAP_COLOURS = ['source', 'language', 'signal', 'model', 'turns', 'length', 'date'] as const
export type MapColour = (typeof MAP_COLOURS)[number]

/** `folder`: of the model, where one made it. */
export type MapEmbedding = { kind: 'lexical' | 'onnx'; words: string; folder: string | null; dimensions: number }

export type ConversationMap = {
  /** Names the points as they are now; null where no map was made yet. */
  key: string | null
  embedding: MapEmbedding | null
  /** How vectors became points, and the share of their variance that the plane shows. */
  projection: string
  explained: number
  points: number
  /** Conversations of the workspace, and those of the sample that have no point yet. */
  conversations: number
  waiting: number
  madeAt: string | null
}

/** `xy`: base64 of float32 pairs, little-endian; point i is the conversation `ids[i]`. */
export type MapPoints = { key: string; ids: string[]; xy: string }

/** `value` is what the facet's filter takes; null for several of them, or none. */
export type MapLegendEntry = { label: string; value: string | null; /** On the map, whatever the filter. */ count: number }
/** `codes`: base64, a byte for each point: its place in the legend, or `NOT_PASSING`. */
export type MapColouring = { key: string; colour: MapColour; legend: MapLegendEntry[]; codes: string; /** Points that pass the filter, of so many conversations that do. */ passing: number; matching: number }
export const NOT_PASSING = 255
