/** The thread behind `thread.ts`. Tasks are not queued: a list is answered while an export waits for its disk. */
import { serveTasks } from '../serve-tasks.ts'
import { conversationTasks, type Tasks } from './tasks.ts'

serveTasks((db) => {
  const tasks = conversationTasks(db)
  return (name, input) => (tasks[name as keyof Tasks] as (input: unknown) => unknown)(input)
})
