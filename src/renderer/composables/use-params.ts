/**
 * What is selected on a page lives in the URL, typed: `const params = useParams({ q: text(), sort: choice(['name', 'size']) })`,
 * then read and assign `params.q`. Assignments of one tick become one navigation; a default leaves the URL clean.
 */
import { reactive, computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter, type LocationQueryRaw } from 'vue-router'

export type Param<Value> = {
  parse(text: string | undefined): Value
  print(value: Value): string | undefined
  quiet: Quiet
}
/**
 * Whether a change replaces the entry in the history instead of adding one: always (typing), never, or only
 * from one value to another (stepping with j and k: opening and closing stay in the history).
 */
type Quiet = boolean | 'stepping'
type Options = { quiet?: Quiet }

/** Text, empty by default. */
export const text = ({ quiet = false }: Options = {}): Param<string> => ({ parse: (given) => given ?? '', print: (value) => value || undefined, quiet })
/** Text or null. */
export const optional = ({ quiet = false }: Options = {}): Param<string | null> => ({ parse: (given) => given ?? null, print: (value) => value ?? undefined, quiet })
/** One of the values, the first by default. */
export const choice = <const Value extends string>(values: readonly [Value, ...Value[]], { quiet = false }: Options = {}): Param<Value> => ({
  parse: (given) => values.find((value) => value === given) ?? values[0],
  print: (value) => (value === values[0] ? undefined : value),
  quiet,
})
/** One of the values or null. */
export const optionalChoice = <const Value extends string>(values: readonly Value[], { quiet = false }: Options = {}): Param<Value | null> => ({
  parse: (given) => values.find((value) => value === given) ?? null,
  print: (value) => value ?? undefined,
  quiet,
})
export const flag = ({ quiet = false }: Options = {}): Param<boolean> => ({ parse: (given) => given === '1', print: (value) => (value ? '1' : undefined), quiet })
export const integer = ({ quiet = false }: Options = {}): Param<number | null> => ({
  parse: (given) => (given !== undefined && /^-?\d+$/.test(given) ? Number(given) : null),
  print: (value) => (value === null ? undefined : String(value)),
  quiet,
})
/** Several texts, in order; repeated in the URL (`run=a&run=b`). */
export const list = ({ quiet = false }: Options = {}): Param<string[]> => ({
  parse: (given) => (given ? given.split(separator) : []),
  print: (values) => (values.length > 0 ? values.join(separator) : undefined),
  quiet,
})
const separator = '\u001f'

/** Whether the dialog of that name is the one that stands in the URL, to bind to it. */
export const dialogOpen = <Name extends string>(params: { dialog: Name | null }, name: NoInfer<Name>): WritableComputedRef<boolean> =>
  computed({ get: () => params.dialog === name, set: (now) => void (now || (params.dialog = null)) })

/** Changes of this tick, before they become one navigation. */
let planned: { query: Record<string, string | undefined>; quiet: boolean } | null = null
/** What a navigation still under way leads to: the next one cancels it and builds on it. */
let underway: LocationQueryRaw | null = null

export function useParams<Shape extends Record<string, Param<never> | Param<string> | Param<string | null> | Param<boolean> | Param<number | null> | Param<string[]>>>(shape: Shape): { [Key in keyof Shape]: Shape[Key] extends Param<infer Value> ? Value : never } {
  const route = useRoute()
  const router = useRouter()

  const read = (key: string): string | undefined => {
    const given = route.query[key]
    if (Array.isArray(given)) return given.filter((value) => value !== null).join(separator)
    return given ?? undefined
  }

  function plan(key: string, value: string | undefined, quiet: Quiet): void {
    if (planned === null) {
      planned = { query: {}, quiet: true }
      queueMicrotask(navigate)
    }
    planned.query[key] = value
    planned.quiet &&= quiet === 'stepping' ? value !== undefined && read(key) !== undefined : quiet
  }

  function navigate(): void {
    const plan = planned
    planned = null
    if (!plan) return
    const query: LocationQueryRaw = { ...(underway ?? router.currentRoute.value.query) }
    for (const [key, value] of Object.entries(plan.query)) {
      if (value === undefined) delete query[key]
      else query[key] = value.includes(separator) ? value.split(separator) : value
    }
    underway = query
    void router[plan.quiet ? 'replace' : 'push']({ query, hash: router.currentRoute.value.hash }).finally(() => { if (underway === query) underway = null })
  }

  const refs: Record<string, WritableComputedRef<unknown>> = {}
  for (const [key, param] of Object.entries(shape) as [string, Param<unknown>][]) {
    refs[key] = computed({
      get: () => param.parse(read(key)),
      set: (value) => plan(key, param.print(value), param.quiet),
    })
  }
  // Reactive unwraps each computed ref to the value its param parses.
  return reactive(refs) as { [Key in keyof Shape]: Shape[Key] extends Param<infer Value> ? Value : never }
}
