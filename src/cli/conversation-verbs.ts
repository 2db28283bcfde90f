/** The verbs of conversations: list, delete, restore, deleted, analyse, export. */
import { Option, type Command } from 'commander'
import { CONVERSATION_SORTS, type ConversationSort } from '../shared/facets.ts'
import { positiveInteger, wholeNumber } from './option-values.ts'

export type Output = { json?: true; workspace: string }

export function registerConversationVerbs(program: Command): void {
  const conversations = program.command('conversations').description('the conversations of a workspace')
  const verb = (name: string, description: string): Command => conversations.command(name).description(description).requiredOption('--workspace <dir>', 'folder of the workspace').option('--json', 'one JSON object on stdout')

  verb('list', 'conversations as the page lists them: a search, in any order')
    .argument('[query...]', 'words and fields as `drift search` takes them; all conversations without')
    .addOption(new Option('--sort <by>', 'what they are ordered by').choices(CONVERSATION_SORTS).default('imported'))
    .option('--descending', 'the most, last or best first', false)
    .option('--offset <number>', 'so many are passed over', wholeNumber, 0)
    .option('--limit <number>', 'so many are shown', positiveInteger, 100)
    .action(async (words: string[], options: Output & { sort: ConversationSort; descending: boolean; offset: number; limit: number }) => (await import('./conversations.ts')).runList(words.join(' '), options))

  verb('delete', 'takes conversations out of everything to come; datasets stay and say which of theirs are gone')
    .argument('[id...]', 'ids of conversations')
    .option('--matching <query>', 'all that a search finds, in place of ids: words and fields as `drift search` takes them')
    .option('--dry-run', 'only says what comes from them')
    .option('--purge', 'also overwrites their text: they cannot be restored')
    .action(async (ids: string[], options: Output & { dryRun?: true; purge?: true; matching?: string }) => (await import('./conversations.ts')).runDelete(ids, options))

  verb('restore', 'brings deleted conversations back; purged ones can be imported again')
    .argument('<id...>', 'ids of deleted conversations')
    .action(async (ids: string[], options: Output) => (await import('./conversations.ts')).runRestore(ids, options))

  verb('deleted', 'the deleted conversations, newest first')
    .option('--limit <number>', 'so many are shown', positiveInteger, 100)
    .action(async (options: Output & { limit: number }) => (await import('./conversations.ts')).runDeleted(options))

  verb('analyse', 'reads every conversation once: near-duplicate groups, personal data')
    .action(async (options: Output) => (await import('./conversations.ts')).runAnalyse(options))

  verb('export', 'writes conversations as JSONL that imports as it is')
    .argument('[query...]', 'words and fields as `drift search` takes them; all conversations without')
    .requiredOption('--output <path>', 'file to write; gzip where it ends in .gz')
    .option('--mask', 'mask e-mail, phone, card, IP and street addresses and keys', false)
    .action(async (words: string[], options: Output & { output: string; mask: boolean }) => (await import('./conversations.ts')).runExport(words.join(' '), options))
}
