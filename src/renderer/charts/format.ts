/** Figures as text. A minus is U+2212 and a missing value an en dash, so that columns of figures line up. */
import { MISSING } from '../../core/estimate-words.ts'
import type { Interval } from '../../shared/types.ts'

export { byteSize, duration, MISSING } from '../../core/estimate-words.ts'

/** Made once: `toLocaleString` makes one for every figure, and tables have thousands. */
const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** Fixed digits, real minus sign. */
export function fixed(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING
  const text = Math.abs(value).toFixed(digits)
  return value < 0 && Number(text) !== 0 ? `−${text}` : text
}

/** At a tick: no more digits than it needs. */
export const axisFigure = (value: number): string => String(Number(value.toFixed(2))).replace('-', '−')

/** With its sign, as differences are written. */
export function signed(value: number | null | undefined, digits = 3): string {
  const text = fixed(value, digits)
  return text === MISSING || text.startsWith('−') || Number(text) === 0 ? text : `+${text}`
}

/** Three significant digits: for metrics whose size is not known beforehand. */
export function significant(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING
  if (value === 0) return '0'
  const size = Math.abs(value)
  const text = size >= 1e5 || size < 1e-3 ? size.toExponential(digits - 1).replace('e+', 'e') : size >= 1000 ? grouped.format(size) : String(Number(size.toPrecision(digits)))
  return value < 0 ? `−${text}` : text
}

/** `0.796 [0.748, 0.844]`; bounds are left out where there are none. */
export function interval(value: Interval, digits = 3, write: (value: number, digits: number) => string = fixed): string {
  const bounds = Number.isFinite(value.low) && Number.isFinite(value.high) ? ` [${write(value.low, digits)}, ${write(value.high, digits)}]` : ''
  return `${write(value.estimate, digits)}${bounds}`
}

/** p to the digits that matter. */
export function pValue(p: number | null | undefined): string {
  if (p === null || p === undefined || !Number.isFinite(p)) return MISSING
  return p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2)
}

/** `2026-03-01 09:30`, of an ISO time as it stands. */
export const minute = (time: string): string => time.slice(0, 16).replace('T', ' ')

export function count(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? MISSING : grouped.format(Math.round(value))
}

export function percent(share: number | null | undefined, digits = 0): string {
  return share === null || share === undefined || !Number.isFinite(share) ? MISSING : `${fixed(share * 100, digits)} %`
}

/** As `byteSize`, with as many digits as asked for: two ticks of an axis must differ. */
export function memorySize(bytes: number | null | undefined, digits = 3): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return MISSING
  return bytes >= 1e9 ? `${significant(bytes / 1e9, digits)} GB` : `${significant(bytes / 1e6, digits)} MB`
}

/** Of bytes, without the unit: 76.3. */
export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
