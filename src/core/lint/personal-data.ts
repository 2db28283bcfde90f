/** Personal data and secrets in text, by pattern: e-mail, phone, card (Luhn), IP address, keys, street addresses. Pure. */
import type { PersonalDataKind } from '../../shared/analysis.ts'
import type { Conversation } from '../../shared/types.ts'
import { textsOf } from '../row-texts.ts'
import { type Check, countOf, finding, findRows } from './finding.ts'

type Pattern = { kind: PersonalDataKind; pattern: RegExp; holds?: (match: string) => boolean }

const PATTERNS: readonly Pattern[] = [
  { kind: 'key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\b(?:sk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}|hf_[A-Za-z0-9]{30,}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})/g },
  { kind: 'email', pattern: /\b[\w.%+-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}\b/g, holds: (match) => !/@(?:[\w-]+\.)*example\.(?:com|org|net)$/i.test(match) },
  { kind: 'card', pattern: /(?<![\d.,-])(?:\d[ -]?){12,18}\d(?![\d-])/g, holds: isCard },
  { kind: 'ip', pattern: /(?<![\d.v])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])|(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])/gi, holds: isPublicAddress },
  { kind: 'phone', pattern: /(?<![\w.,+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,11}|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}([ .-])\d{3}\1\d{4})(?![\w-]|\.\d)/g },
  // With a house number and a full word for street: shorter forms name other things too often.
  { kind: 'address', pattern: /\b\d{1,5} (?:[A-Z][a-z]+ ){1,3}(?:Street|Avenue|Road|Boulevard|Lane|Drive|Court)\b|\b\p{Lu}\p{Ll}+(?:straße|strasse|gasse|allee) \d{1,4}[a-z]?\b/gu },
]

/** Where they stand, ascending, none over another. */
export function findPersonalData(text: string): { kind: PersonalDataKind; start: number; end: number }[] {
  const found: { kind: PersonalDataKind; start: number; end: number }[] = []
  for (const { kind, pattern, holds } of PATTERNS) {
    for (const { 0: match, index } of text.matchAll(pattern)) {
      const end = index + match.length
      if ((holds?.(match) ?? true) && !found.some((other) => index < other.end && other.start < end)) found.push({ kind, start: index, end })
    }
  }
  return found.sort((a, b) => a.start - b.start)
}

/**
 * Each find as its kind in brackets: [email], [phone], [card], [ip], [key], [address].
 * @param part offsets of what is wanted of the text: a find that it cuts is masked too
 */
export function maskPersonalData(text: string, part = { start: 0, end: text.length }): string {
  let masked = ''
  let at = part.start
  for (const { kind, start, end } of findPersonalData(text)) {
    if (end <= part.start || start >= part.end) continue
    masked += `${text.slice(at, start)}[${kind}]`
    at = end
  }
  return masked + text.slice(at, Math.max(at, part.end))
}

/** The conversation as an export may show it: its messages and every text of its metadata masked. */
export function maskConversation(conversation: Conversation): Conversation {
  const masked = (value: unknown): unknown => {
    if (typeof value === 'string') return maskPersonalData(value)
    if (Array.isArray(value)) return value.map(masked)
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one)])) : value
  }
  return { ...conversation, messages: conversation.messages.map((message) => ({ ...message, content: maskPersonalData(message.content) })), metadata: masked(conversation.metadata) as Conversation['metadata'] }
}

export const personalData: Check = (rows) => {
  const found = findRows(rows, (row) => {
    const counts = Object.entries(Object.groupBy(textsOf(row).flatMap(findPersonalData), ({ kind }) => kind))
    return counts.length === 0 ? null : counts.map(([kind, finds]) => (finds.length === 1 ? kind : `${finds.length} × ${kind}`)).join(', ')
  })
  return finding('personal-data', 'warning', 'mask', found, `${countOf(found.length, 'row')} with what looks like personal data or keys`)
}

/** 13 to 19 digits whose Luhn sum is a multiple of ten, not all one digit. */
function isCard(match: string): boolean {
  const digits = match.replaceAll(/\D/g, '')
  if (digits.length < 13 || digits.length > 19 || /^(\d)\1*$/.test(digits)) return false
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 1 ? 2 : 1)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return sum % 10 === 0
}

/** Addresses of local networks name nobody. */
function isPublicAddress(match: string): boolean {
  if (match.includes(':')) return true
  const parts = match.split('.').map(Number)
  const [a = 0, b = 0] = parts
  if (parts.some((part) => part > 255)) return false
  return !(a === 0 || a === 10 || a === 127 || a >= 224 || (a === 192 && b === 168) || (a === 172 && b >= 16 && b < 32) || (a === 169 && b === 254))
}
