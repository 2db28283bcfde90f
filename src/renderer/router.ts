/** Pages and their addresses. Each page is its own file, fetched when it is first opened. */
import { Activity, ChartNoAxesCombined, Database, FlaskConical, House, MessagesSquare, Scale, Settings, Tags } from '@lucide/vue'
import type { Component } from 'vue'
import { createRouter, createWebHistory, type Router, type RouteRecordRaw } from 'vue-router'

export type PagePath = '/' | '/conversations' | '/signals' | '/review' | '/datasets' | '/runs' | '/compare' | '/evaluate' | '/settings'
/** Neighbours of one `group` stand together. */
export type PageEntry = { path: PagePath; title: string; icon: Component; key: string; group: 'home' | 'data' | 'models' | 'settings'; counts?: 'conversations' | 'signals' | 'datasets' | 'runs' }

/** In the order of the data's way; `key` follows `g`. */
export const pages: PageEntry[] = [
  { path: '/', title: 'Home', icon: House, key: 'h', group: 'home' },
  { path: '/conversations', title: 'Conversations', icon: MessagesSquare, key: 'c', group: 'data', counts: 'conversations' },
  { path: '/signals', title: 'Signals', icon: Activity, key: 's', group: 'data', counts: 'signals' },
  { path: '/review', title: 'Review', icon: Tags, key: 'v', group: 'data' },
  { path: '/datasets', title: 'Datasets', icon: Database, key: 'd', group: 'data', counts: 'datasets' },
  { path: '/runs', title: 'Runs', icon: FlaskConical, key: 'r', group: 'models', counts: 'runs' },
  { path: '/compare', title: 'Compare', icon: ChartNoAxesCombined, key: 'p', group: 'models' },
  { path: '/evaluate', title: 'Evaluate', icon: Scale, key: 'e', group: 'models' },
  { path: '/settings', title: 'Settings', icon: Settings, key: ',', group: 'settings' },
]

// Found by name, so that a page exists as soon as its file does: pages/runs/RunPage.vue.
const files = import.meta.glob<{ default: Component }>('./pages/*/*Page.vue')
const page = (path: string): (() => Promise<{ default: Component }>) => files[`./pages/${path}.vue`] ?? (() => import('./components/NoPage.vue'))

const routes: RouteRecordRaw[] = [
  { path: '/', component: page('welcome/WelcomePage'), meta: { title: 'Home' } },
  { path: '/conversations', component: page('conversations/ConversationsPage'), meta: { title: 'Conversations' } },
  { path: '/signals', component: page('signals/SignalsPage'), meta: { title: 'Signals' } },
  { path: '/review', component: page('review/ReviewPage'), meta: { title: 'Review' } },
  { path: '/datasets', component: page('datasets/DatasetsPage'), meta: { title: 'Datasets' } },
  { path: '/runs', component: page('runs/RunsPage'), meta: { title: 'Runs' } },
  { path: '/runs/:id', component: page('runs/RunPage'), props: true, meta: { title: 'Runs' } },
  { path: '/compare', component: page('compare/ComparePage'), meta: { title: 'Compare' } },
  { path: '/evaluate', component: page('evaluate/EvaluatePage'), meta: { title: 'Evaluate' } },
  { path: '/evaluate/duels', component: page('evaluate/DuelPage'), meta: { title: 'Evaluate' } },
  { path: '/settings', component: page('settings/SettingsPage'), meta: { title: 'Settings' } },
  { path: '/:rest(.*)*', component: () => import('./components/NoPage.vue'), meta: { title: 'Not found' } },
]

export function createPageRouter(): Router {
  return createRouter({ history: createWebHistory(), routes })
}

declare module 'vue-router' {
  interface RouteMeta {
    title: string
  }
}
