/** What page specs do over and over: go to a path of their host, read the URL, wait for something to come true. */
import type { Page } from 'playwright'
import { expect } from 'vitest'

/** @param page the spec's page, which is there once its `beforeAll` has run @param timeout ms that an expectation has to come true */
export function pageSteps(page: () => Page, timeout: number) {
  return {
    /** Once it is there, keys are heard. */
    go: async (path: string): Promise<void> => {
      await page().goto(new URL(path, page().url()).href)
      await page().locator('main').waitFor({ state: 'attached' })
    },
    query: (name: string): string | null => new URL(page().url()).searchParams.get(name),
    eventually: <Value>(read: () => Value | Promise<Value>, within = timeout) => expect.poll(read, { timeout: within, interval: 50 }),
  }
}
