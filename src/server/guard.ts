/**
 * Who may talk to the headless host. Three questions, asked before anything else: was this host meant (Host,
 * against DNS rebinding), does the page belong to us (Origin), and is the token known.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { hostname } from 'node:os'

/** Addresses that only this machine reaches. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

export type Guard = {
  /** The Host header names us. Ports are not compared: a forwarded port (ssh -L) is a normal way in. */
  isOurHost(request: IncomingMessage): boolean
  /** No Origin (not a browser), or the very origin the request went to. */
  isOwnOrigin(request: IncomingMessage): boolean
  hasToken(request: IncomingMessage): boolean
  /** The token came with the address: time to remember it in a cookie. */
  hasTokenInUrl(request: IncomingMessage): boolean
  setCookie: string
}

/** @param port part of the cookie's name: cookies are shared between the ports of a host. */
export function guardFor(options: { host: string; port: number; token: string }): Guard {
  const names = new Set(['localhost', options.host.toLowerCase(), hostname().toLowerCase()])
  const onLoopback = isLoopback(options.host)
  const cookieName = `drift-${options.port}`
  const expected = digest(options.token)
  const matches = (given: string | null | undefined) => typeof given === 'string' && timingSafeEqual(digest(given), expected)
  const inUrl = (request: IncomingMessage) => matches(requestUrl(request)?.searchParams.get('token'))

  return {
    isOurHost(request) {
      const name = hostName(request.headers.host)
      if (name === null) return false
      // A rebound name is always a name: an address literal can only have been typed or forwarded.
      if (isIP(name)) return onLoopback ? isLoopback(name) : true
      return names.has(name)
    },
    isOwnOrigin(request) {
      const origin = request.headers.origin
      if (origin === undefined) return true
      const host = request.headers.host?.toLowerCase()
      return origin === `http://${host}` || origin === `https://${host}`
    },
    hasToken: (request) => inUrl(request) || matches(cookie(request, cookieName)) || matches(bearer(request)),
    hasTokenInUrl: inUrl,
    setCookie: `${cookieName}=${encodeURIComponent(options.token)}; Path=/; HttpOnly; SameSite=Strict`,
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** The request's address, or null for one that no browser would send. */
export function requestUrl(request: IncomingMessage): URL | null {
  return URL.parse(request.url ?? '', 'http://host') // the base never shows: only path and query are read
}

function hostName(header: string | undefined): string | null {
  const url = header === undefined ? null : URL.parse(`http://${header}`)
  return url === null || url.pathname !== '/' || url.username !== '' ? null : url.hostname.replace(/^\[|\]$/g, '')
}

function cookie(request: IncomingMessage, name: string): string | null {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = part.trim().split('=', 2)
    if (key !== name || value === undefined) continue
    try {
      return decodeURIComponent(value)
    } catch {
      return null
    }
  }
  return null
}

const bearer = (request: IncomingMessage) => /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
