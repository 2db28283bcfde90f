/** Numbers of the command line, as options take them. */
import { InvalidArgumentError } from 'commander'

function integerWithin(least: number, most: number): (text: string) => number {
  const range = most < Infinity ? ` from ${least} to ${most}` : least > -Infinity ? ` of at least ${least}` : ''
  return (text) => {
    const value = Number(text)
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < least || value > most) throw new InvalidArgumentError(`expected a whole number${range}.`)
    return value
  }
}

/** With a sign: a seed. */
export const integer = integerWithin(-Infinity, Infinity)
export const wholeNumber = integerWithin(0, Infinity)
export const positiveInteger = integerWithin(1, Infinity)
/** Characters, or -1 for none. */
export const lengthMargin = integerWithin(-1, Infinity)
/** Requests to a judge at once, as its settings have them. */
export const concurrency = integerWithin(1, 64)

export function numberWithin(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !(value >= least && value <= most) || !Number.isFinite(value)) throw new InvalidArgumentError(`expected a number of at least ${least}${most < Infinity ? ` and at most ${most}` : ''}.`)
    return value
  }
}

export function aboveZero(text: string): number {
  const value = numberWithin(0, Infinity)(text)
  if (value === 0) throw new InvalidArgumentError('expected a number above 0.')
  return value
}

export function topP(text: string): number {
  const value = numberWithin(0, 1)(text)
  if (value === 0) throw new InvalidArgumentError('expected a number above 0 and at most 1.')
  return value
}
