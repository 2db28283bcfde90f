/** The two pipes to the backend, as the client sees them: text in, text out, there or gone. */

export type PipeEvents = { onOpen(): void; onText(text: string): void; onGone(reason: string): void }
export type Pipe = {
  send(text: string): void
  /** Gives this connection up as dead. */
  drop(reason: string): void
  retry(): void
}

const firstWaitMs = 400
const longestWaitMs = 5_000

/** WebSocket to the host that served the page; comes back by itself. */
export function openSocket(events: PipeEvents): Pipe {
  const address = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`
  let socket: WebSocket | null = null
  let waitMs = firstWaitMs
  let timer: ReturnType<typeof setTimeout> | null = null

  function connect(): void {
    timer = null
    const own = new WebSocket(address)
    socket = own
    own.onopen = () => {
      waitMs = firstWaitMs
      events.onOpen()
    }
    own.onmessage = (message: MessageEvent<unknown>) => {
      if (typeof message.data === 'string') events.onText(message.data)
    }
    own.onclose = (event) => {
      if (socket === own) lose(event.reason || 'the backend closed the connection or cannot be reached')
    }
  }

  function lose(reason: string): void {
    const lost = socket
    socket = null
    lost?.close()
    events.onGone(reason)
    timer = setTimeout(connect, waitMs)
    waitMs = Math.min(waitMs * 2, longestWaitMs)
  }

  connect()
  return {
    send: (text) => socket?.send(text),
    drop: lose,
    retry() {
      if (timer === null) return
      clearTimeout(timer)
      connect()
    },
  }
}

/** MessagePort that Electron's preload hands to the page; a restarted backend hands over a new one. */
export function openPort(events: PipeEvents): Pipe {
  let port: MessagePort | null = null

  window.addEventListener('message', (message: MessageEvent<unknown>) => {
    const given = message.ports[0]
    if (message.source !== window || !isPortMessage(message.data) || !given) return
    port?.close()
    port = given
    given.onmessage = (event: MessageEvent<unknown>) => events.onText(typeof event.data === 'string' ? event.data : JSON.stringify(event.data))
    given.addEventListener('close', () => {
      if (port === given) lose('the backend process has ended')
    })
    given.start()
    events.onOpen()
  })
  const ask = (): void => window.postMessage({ type: 'drift-ready' }, '*')
  ask()

  function lose(reason: string): void {
    port?.close()
    port = null
    events.onGone(reason)
  }

  return { send: (text) => port?.postMessage(text), drop: lose, retry: ask }
}

function isPortMessage(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'drift-port'
}
