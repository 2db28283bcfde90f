import type { CallError } from '../shared/contract.ts'

/** What a call rejects with; hosts send its three fields as a `CallError`. */
export class BackendError extends Error {
  override readonly name: string = 'BackendError'
  readonly code: CallError['code']
  readonly detail: string | undefined
  constructor(code: CallError['code'], message: string, detail?: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.detail = detail
  }
  /** Bad input ends the command line with 2, every other failure with 1. */
  get exitCode(): 1 | 2 {
    return this.code === 'failed' ? 1 : 2
  }
  toCallError(): CallError {
    return { message: this.message, code: this.code, ...(this.detail === undefined ? {} : { detail: this.detail }) }
  }
}

/** Any thrown thing as what a caller sees; errors that end the command line with 2 are bad input. */
export function toBackendError(error: unknown): BackendError {
  if (error instanceof BackendError) return error
  if (!(error instanceof Error)) return new BackendError('failed', String(error))
  const usage = 'exitCode' in error && error.exitCode === 2
  return new BackendError(usage ? 'bad-input' : 'failed', error.message, usage ? undefined : error.stack, { cause: error })
}
