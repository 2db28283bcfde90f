import { createSSRApp } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import { expect, it } from 'vitest'
import { optional, text, useParams } from './use-params.ts'

const aPage = async () => {
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/', component: {} }] })
  await router.push('/?q=kept')
  const app = createSSRApp({}).use(router)
  const params = app.runWithContext(() => useParams({ q: text(), id: optional(), dialog: optional() }))
  return { router, params, query: () => router.currentRoute.value.query }
}
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10))

it('makes one navigation of the changes of a tick', async () => {
  const { params, query } = await aPage()
  params.id = 'one'
  params.dialog = 'files'
  await settled()
  expect(query()).toEqual({ q: 'kept', id: 'one', dialog: 'files' })
})

it('keeps a change whose navigation is still under way when the next one comes', async () => {
  const { params, query } = await aPage()
  params.dialog = 'files'
  await settled()
  params.dialog = null
  params.id = 'one'
  // As a closing dialog says it again.
  await Promise.resolve()
  params.dialog = null
  await settled()
  expect(query()).toEqual({ q: 'kept', id: 'one' })
})
