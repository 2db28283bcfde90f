import type { Command } from 'commander'

export function registerRunVerbs(_program: Command): void {}
