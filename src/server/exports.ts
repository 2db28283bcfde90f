/** Reports and exported files of the open workspace, downloaded by an authenticated page. */
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { basename, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Answering } from '../backend/connection.ts'
import type { WorkspaceInfo } from '../shared/contract.ts'
import { refuse } from './index.ts'

/** A report is one HTML file with its script inside: it may draw, but is nobody here (no cookie, no socket, no origin). */
const reportPolicy = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:"

/** Answers `/exports/NAME` from the workspace's `exports` folder; what lies outside, links followed, is not found. */
export async function sendExport(request: IncomingMessage, response: ServerResponse, url: URL, backend: Answering): Promise<void> {
  const { path: workspace } = (await backend.call('workspace.info', {})) as WorkspaceInfo
  const file = await resolveInside(join(workspace, 'exports'), url.pathname.slice('/exports/'.length))
  if (!file) return refuse(response, 404, 'no such export in this workspace')
  const isReport = file.path.endsWith('.html')
  response.setHeader('Content-Type', isReport ? 'text/html; charset=utf-8' : 'application/octet-stream')
  response.setHeader('Content-Length', file.bytes)
  response.setHeader('Cache-Control', 'no-store')
  if (isReport) response.setHeader('Content-Security-Policy', reportPolicy)
  if (!isReport || url.searchParams.has('download')) response.setHeader('Content-Disposition', `attachment; filename*=UTF-8''${encodeURIComponent(basename(file.path))}`)
  if (request.method === 'HEAD') return void response.end()
  await pipeline(createReadStream(file.path), response)
}

async function resolveInside(folder: string, encoded: string): Promise<{ path: string; bytes: number } | null> {
  try {
    const root = await realpath(folder)
    const path = await realpath(join(root, decodeURIComponent(encoded)))
    const found = await stat(path)
    return path.startsWith(root + sep) && found.isFile() ? { path, bytes: found.size } : null
  } catch {
    return null
  }
}
