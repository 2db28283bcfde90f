/** The thread behind `thread.ts`. Tasks are not queued: a list is answered while an export waits for its disk. */
import { serveTasks } from '../serve-tasks.ts'
import type { Tell } from '../task-thread.ts'
import { conversationTasks, type Tasks } from './tasks.ts'

serveTasks((db) => {
  const tasks = conversationTasks(db)
  return (name, input, tell) => (tasks[name as keyof Tasks] as (input: unknown, tell: Tell) => unknown)(input, tell)
})
