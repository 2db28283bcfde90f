/** The map as the interface draws it: its points once, and for each filter and facet a byte a point. */
import { colourBy, fadeOthers } from '../../core/map-colours.ts'
import type { ParsedInput } from '../../shared/contract.ts'
import type { MapColouring, MapPoints } from '../../shared/conversation-map.ts'
import { BackendError } from '../errors.ts'
import type { ConversationBrowser } from '../storage/browse.ts'
import { mapKey, readMapPoints } from '../storage/conversation-map.ts'
import type { ReadableDb } from '../storage/open.ts'

export function mapTasks(db: ReadableDb, browser: ConversationBrowser) {
  let held: { key: string; points: ReturnType<typeof readMapPoints> } | null = null
  const current = () => {
    const key = mapKey(db)
    if (key === null) throw new BackendError('not-found', 'conversations.map: no map was made yet. Make one first')
    if (held?.key !== key) held = { key, points: readMapPoints(db) }
    return held
  }
  const base64 = (bytes: Uint8Array | Float32Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return {
    mapPoints(): MapPoints {
      const { key, points } = current()
      return { key, ids: points.ids, xy: base64(points.xy) }
    },
    mapColours({ colour, ...filter }: ParsedInput<'conversations.mapColours'>): MapColouring {
      const { key, points } = current()
      const { columns, positions: matching } = browser.passing(filter)
      const { codes, legend } = colourBy(columns, points.positions, colour)
      const shown = fadeOthers(codes, points.positions, matching)
      return { key, colour, legend, codes: base64(shown.codes), passing: shown.passing, matching: matching.length }
    },
  }
}
