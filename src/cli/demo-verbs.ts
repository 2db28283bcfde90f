import type { Command } from 'commander'

export function registerDemoVerbs(_program: Command): void {}
