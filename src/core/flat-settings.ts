/** Nested settings as one level. */

/** Keys joined with dots, in their order, with values as JSON; lists of plain values stay whole. */
export function flattenSettings(value: unknown, path = ''): [string, string][] {
  if (typeof value !== 'object' || value === null || (Array.isArray(value) && value.every((part) => typeof part !== 'object'))) return path ? [[path, JSON.stringify(value) ?? '']] : []
  return Object.entries(value).flatMap(([key, part]) => flattenSettings(part, path ? `${path}.${key}` : key))
}
