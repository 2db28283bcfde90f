/** What computed something, in words: equal words, equal results. */
import type { Device, EngineName } from '../../engine/device.ts'

/** @param made what the engine says of its own versions and settings. */
export function nameComputer({ engine, version, threads, device, made }: { engine: EngineName; version: string; threads: number; device: Device; made: string | undefined }): string {
  return `${engine} ${version}, ${process.platform}-${process.arch}, ${threads} ${threads === 1 ? 'thread' : 'threads'}${device === 'cpu' ? '' : `, ${device}`}${made === undefined ? '' : `, ${made}`}`
}

/** Engine, device and the engine's versions and settings; app, machine and threads may change within a run. */
export function engineIn(computedBy: string): string {
  const [engine = '', _platform, _threads, ...settings] = computedBy.split(', ')
  return [engine.split(' ')[0], ...settings].join(', ')
}
