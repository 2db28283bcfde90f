import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { toFailure } from '../client.ts'

export type Toast = {
  id: number
  kind: 'failed' | 'done'
  title: string
  message: string
  /** For "copy details"; empty where there is nothing more to say. */
  detail: string
  action: { label: string; run(): void } | null
}

const doneMs = 6_000
/** Time to read it and to take it back. */
const withActionMs = 12_000

/** Short messages over the page. What failed stays until it is read; what is done leaves by itself. */
export const useToasts = defineStore('toasts', () => {
  const toasts = shallowRef<Toast[]>([])
  let nextId = 1

  function add(toast: Omit<Toast, 'id'>): void {
    const id = nextId++
    toasts.value = [...toasts.value.filter((other) => other.title !== toast.title || other.message !== toast.message), { ...toast, id }].slice(-4)
    if (toast.kind === 'done') setTimeout(() => dismiss(id), toast.action ? withActionMs : doneMs)
  }
  function dismiss(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }

  return {
    toasts,
    dismiss,
    /** Says that something asked for did not happen: `failed('Import not started', error)`. */
    failed(title: string, error: unknown): void {
      const { message, detail } = toFailure(error)
      add({ kind: 'failed', title, message, detail, action: null })
    },
    done(title: string, options: { message?: string; action?: Toast['action'] } = {}): void {
      add({ kind: 'done', title, message: options.message ?? '', detail: '', action: options.action ?? null })
    },
  }
})
