/**
 * Bad usage or bad input: the caller can repair it, so the command line ends with exit code 2 and the
 * message alone. One line: what was expected, what was found, where, what to do.
 */
export class UsageError extends Error {
  readonly exitCode = 2
  override readonly name: string = 'UsageError'
}
