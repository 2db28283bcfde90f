/**
 * Jinja as chat templates use it: @huggingface/jinja, with what Transformers sets up around it. Templates
 * come with models and are not trusted: they run under a limit of time, and of text and lists they may make.
 */
import { Environment, Interpreter, Template } from '@huggingface/jinja'
import { InputError } from './input-error.ts'
import { runWithin, TimeLimitExceeded } from './time-limit.ts'

export type RenderTemplate = (variables: Record<string, unknown>) => string

const RENDER_LIMIT_MS = 10_000
/** As Jinja's own sandbox (MAX_RANGE): a longer range fills memory before a time limit can strike. */
const MAX_RANGE = 100_000
/**
 * What one rendering may make, in characters: within any process's memory, far above any chat. An element of a list
 * counts as 16, a step as 100, because whatever it gives may go to the output.
 */
const MAX_MADE = 2 ** 28
const STEP = 100
/** Name of our trim inside templates; no identifier of theirs can hold a space. */
const TRIM = 'python trim'

/**
 * @param where names the template in errors.
 * @throws InputError when the source is no template; what it returns throws one for a template that fails or hangs.
 */
export function compileTemplate(source: string, where: string, renderMs = RENDER_LIMIT_MS): RenderTemplate {
  const program = parseTemplate(source, where)
  return variables => guard(renderMs, where, 'refused the messages', () => {
    const environment = new Environment()
    for (const [name, value] of Object.entries({ ...globals(), ...variables })) environment.set(name, value)
    return String(new BoundedInterpreter(environment).run(program).value)
  })
}

/** The part of the library used here; its own declarations do not resolve under Node's module rules. */
const LibraryInterpreter = Interpreter as unknown as new (environment: Environment) => {
  run(program: unknown): { value: unknown }
  evaluate(statement: { type: string } | undefined, environment: unknown): { value: unknown }
}

/** Time alone does not stop a list that doubles: it fills memory within a second, and that ends the whole process. */
class BoundedInterpreter extends LibraryInterpreter {
  private made = 0

  override evaluate(statement: { type: string } | undefined, environment: unknown): { value: unknown } {
    const result = super.evaluate(statement, environment)
    this.made += STEP
    if (statement !== undefined && MAKES_VALUES.has(statement.type)) {
      const { value } = result
      this.made += typeof value === 'string' ? value.length : Array.isArray(value) ? 16 * value.length : 0
    }
    if (this.made > MAX_MADE) throw new Error('it makes more text and lists than any chat needs')
    return result
  }
}

/** Others only pass on what is there. */
const MAKES_VALUES = new Set(['BinaryExpression', 'FilterExpression', 'CallExpression', 'MemberExpression'])

function parseTemplate(source: string, where: string): Template['parsed'] {
  return guard(RENDER_LIMIT_MS, where, 'cannot be parsed (it may use Jinja that is not supported here)', () => {
    // Jinja reads any newline as \n.
    const { parsed } = new Template(source.replaceAll(/\r\n?/g, '\n'))
    useOwnTrim(parsed)
    return parsed
  })
}

/** Turns `x | trim` and `x.strip()` into a call of Python's strip, which leaves U+FEFF and removes U+0085 and U+001C to U+001F. */
function useOwnTrim(node: unknown): void {
  if (typeof node !== 'object' || node === null) return
  for (const child of Object.values(node)) useOwnTrim(child)
  const { type, operand, filter, callee, args } = node as Record<string, unknown>
  const isTrim = type === 'FilterExpression' && isIdentifier(filter, 'trim')
  const member = callee as Record<string, unknown> | undefined
  const isStrip = type === 'CallExpression' && member?.type === 'MemberExpression' && isIdentifier(member.property, 'strip') && Array.isArray(args) && args.length === 0
  if (isTrim || isStrip) Object.assign(node, { type: 'CallExpression', callee: { type: 'Identifier', value: TRIM }, args: [isTrim ? operand : member?.object] })
}

function isIdentifier(node: unknown, name: string): boolean {
  return typeof node === 'object' && node !== null && 'type' in node && node.type === 'Identifier' && 'value' in node && node.value === name
}

function globals(): Record<string, unknown> {
  return {
    true: true, false: false, none: null, True: true, False: false, None: null,
    range: limitedRange,
    raise_exception(message: string) {
      throw new Error(message)
    },
    strftime_now: (format: string) => formatTime(new Date(), format),
    [TRIM](text: unknown) {
      if (text !== undefined && typeof text !== 'string') throw new Error(`trim wants text, got ${text === null ? 'none' : typeof text}`)
      return (text ?? '').replace(/^[\p{White_Space}\x1c-\x1f]+/u, '').replace(/[\p{White_Space}\x1c-\x1f]+$/u, '')
    },
  }
}

function limitedRange(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop]
  const length = Math.max(0, Math.ceil((to - from) / step))
  if (!(length <= MAX_RANGE)) throw new Error(`range() of ${length} numbers is more than ${MAX_RANGE}`)
  return Array.from({ length }, (_, i) => from + i * step)
}

/** Python's strftime in local time and English, the directives that templates use. */
function formatTime(date: Date, format: string): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  const name = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en', options).format(date)
  const directives: Record<string, () => string> = {
    Y: () => String(date.getFullYear()), m: () => pad(date.getMonth() + 1), d: () => pad(date.getDate()),
    B: () => name({ month: 'long' }), b: () => name({ month: 'short' }), A: () => name({ weekday: 'long' }), a: () => name({ weekday: 'short' }),
    H: () => pad(date.getHours()), M: () => pad(date.getMinutes()), S: () => pad(date.getSeconds()), '%': () => '%',
  }
  return format.replaceAll(/%(.)/g, (_, letter: string) => {
    const directive = directives[letter]
    if (!directive) throw new Error(`strftime_now: %${letter} is not supported`)
    return directive()
  })
}

/** @param failure what it means when `work` throws. */
function guard<Result>(limitMs: number, where: string, failure: string, work: () => Result): Result {
  try {
    return runWithin(limitMs, work)
  } catch (error) {
    if (error instanceof TimeLimitExceeded) throw new InputError(`the chat template of ${where} did not end within ${limitMs} ms; repair its loops`)
    throw new InputError(`the chat template of ${where} ${failure}: ${firstLine(error)}`)
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
