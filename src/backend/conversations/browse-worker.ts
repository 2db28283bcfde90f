/** The thread behind `thread.ts`. Tasks are not queued: a list is answered while an export waits for its disk. */
import { conversationBrowser, type ConversationBrowser } from '../storage/browse.ts'
import type { WritableDb } from '../storage/open.ts'
import { serveTasks } from '../serve-tasks.ts'
import type { Tell } from '../task-thread.ts'
import { conversationTasks, type Tasks } from './tasks.ts'

/** When nobody waits for the first answers any more. */
const KEEP_EVERY_MS = 10_000

serveTasks((db) => {
  const browser = conversationBrowser(db)
  const tasks = conversationTasks(db, browser)
  setInterval(() => keepColumns(browser, db), KEEP_EVERY_MS).unref()
  return (name, input, tell) => (tasks[name as keyof Tasks] as (input: unknown, tell: Tell) => unknown)(input, tell)
})

/** What is kept only saves time: where the disk is full or another process writes, the next workspace is opened without it. */
function keepColumns(browser: ConversationBrowser, db: WritableDb): void {
  try {
    browser.keep(db)
  } catch (error) {
    console.error(`conversations: the columns could not be kept in ${db.name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
