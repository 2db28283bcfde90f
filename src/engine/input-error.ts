/**
 * A file or folder handed to the engine is not what it must be. The message is one line: what was
 * expected, what was found, where, and what to do. The command line ends with `exitCode`.
 */
export class InputError extends Error {
  readonly exitCode = 2
  override readonly name: string = 'InputError'
}
