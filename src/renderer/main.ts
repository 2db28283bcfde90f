import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { useClient } from './client.ts'
import { createPageRouter } from './router.ts'
import { useAppearance } from './stores/appearance.ts'
import { useToasts } from './stores/toasts.ts'
import { vWrites } from './writes.ts'
import './styles/tokens.css'
import './styles/base.css'

// The token came with the address and is in a cookie by now: out of the address bar, history and screenshots.
const address = new URL(location.href)
if (address.searchParams.has('token')) {
  address.searchParams.delete('token')
  history.replaceState(history.state, '', address)
}

// The way to the backend opens while the page's file comes.
const opened = new Promise<void>((resolve) => useClient().onOpen(resolve))
const app = createApp(App).use(createPinia()).directive('writes', vWrites)
useAppearance()
app.config.errorHandler = (error) => {
  console.error(error)
  useToasts().failed('Something on this page failed', error)
}
const router = createPageRouter()
// A page's file may be gone after an update while the window stayed open.
router.onError((error) => useToasts().failed('The page could not be opened; reload the window', error))
app.use(router)
// Frame and page are drawn in one go, and ask the backend while they are built. Where one of both comes late, the frame comes first.
const late = new Promise((resolve) => setTimeout(resolve, 150))
void Promise.race([late, Promise.all([opened, router.isReady()])]).catch(() => undefined).then(() => app.mount('#app'))
