/**
 * Jinja as chat templates use it: @huggingface/jinja, with what Transformers sets up around it. Templates
 * come with models and are not trusted: they run under a time limit.
 */
import { createContext, Script } from 'node:vm'
import type { Context } from 'node:vm'
import { Environment, Interpreter, Template } from '@huggingface/jinja'
import { InputError } from './input-error.ts'

export type RenderTemplate = (variables: Record<string, unknown>) => string

const RENDER_LIMIT_MS = 10_000
/** As Jinja's own sandbox (MAX_RANGE): a longer range fills memory before a time limit can strike. */
const MAX_RANGE = 100_000
/** Name of our trim inside templates; no identifier of theirs can hold a space. */
const TRIM = 'python trim'

/**
 * @param where names the template in errors.
 * @throws InputError when the source is no template; what it returns throws one for a template that fails or hangs.
 */
export function compileTemplate(source: string, where: string, renderMs = RENDER_LIMIT_MS): RenderTemplate {
  const program = parseTemplate(source, where)
  return variables => runWithin(renderMs, where, () => {
    const environment = new Environment()
    for (const [name, value] of Object.entries({ ...globals(), ...variables })) environment.set(name, value)
    return String(new Interpreter(environment).run(program).value)
  })
}

function parseTemplate(source: string, where: string): Template['parsed'] {
  try {
    // Jinja reads any newline as \n.
    const { parsed } = new Template(source.replaceAll(/\r\n?/g, '\n'))
    useOwnTrim(parsed)
    return parsed
  } catch (error) {
    throw new InputError(`the chat template of ${where} cannot be parsed: ${firstLine(error)}; it may use Jinja that is not supported here`)
  }
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

let watched: { context: Context; script: Script } | undefined

/** Runs synchronous code that may never return: V8 ends it when the time is up. */
function runWithin(limitMs: number, where: string, render: () => string): string {
  watched ??= { context: createContext({ render: null }), script: new Script('render()') }
  watched.context.render = render
  try {
    return watched.script.runInContext(watched.context, { timeout: limitMs }) as string
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw new InputError(`the chat template of ${where} did not end within ${limitMs} ms; repair its loops`)
    }
    throw new InputError(`the chat template of ${where} refused the messages: ${firstLine(error)}`)
  } finally {
    watched.context.render = null
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
