/** Numbers of the command line, as options take them. */
import { InvalidArgumentError } from 'commander'

export function positiveNumber(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('expected a whole number from 1 on.')
  return number
}

/** From 0 to 1. */
export function share(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !(number >= 0 && number <= 1)) throw new InvalidArgumentError('expected a number from 0 to 1.')
  return number
}

export function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.')
  return Number(text)
}
