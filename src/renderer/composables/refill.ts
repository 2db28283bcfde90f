/** Settings that come, or come again, while somebody types: a field takes them unless something else was typed there than it had been given. */
export function refill<Form extends Record<string, string>>(form: Form, given: Form, next: Form): void {
  for (const key of Object.keys(next) as (keyof Form)[]) if (form[key] === given[key]) form[key] = next[key]
}
