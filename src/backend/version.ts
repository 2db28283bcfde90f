import { readFileSync } from 'node:fs'

/** The app's version, as in package.json. */
export const appVersion: string = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version
