/** The verbs of rows that imports set aside: list, export. */
import type { Command } from 'commander'
import { positiveInteger } from './option-values.ts'

export type Output = { json?: true; workspace: string }
export type Which = { import?: string; file?: string; dismissed: boolean }

export function registerQuarantineVerbs(program: Command): void {
  const quarantine = program.command('quarantine').description('the rows that imports set aside')
  const verb = (name: string, description: string): Command =>
    quarantine.command(name).description(description).requiredOption('--workspace <dir>', 'folder of the workspace')
      .option('--import <id>', 'only rows of this import')
      .option('--file <path>', 'only rows of this file')
      .option('--dismissed', 'those that were dismissed, in place of the others', false)
      .option('--json', 'one JSON object on stdout')

  verb('list', 'each row with its file, number and reason, in the order of the imports')
    .option('--limit <number>', 'so many are shown', positiveInteger, 100)
    .action(async (options: Output & Which & { limit: number }) => (await import('./quarantine.ts')).runQuarantineList(options))

  verb('export', 'writes the rows as JSONL to be mended: importing that file takes those that can be read then out of the quarantine')
    .requiredOption('--output <path>', 'file to write; gzip where it ends in .gz')
    .action(async (options: Output & Which & { output: string }) => (await import('./quarantine.ts')).runQuarantineExport(options))
}
