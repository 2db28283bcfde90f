/** The thread behind `thread.ts`: tasks in the order in which they come. */
import { serveTasks } from '../serve-tasks.ts'
import { performTask, type TaskInput, type TaskName } from './tasks.ts'

serveTasks((db) => {
  let previous: Promise<unknown> = Promise.resolve()
  return (name, input, tell) => {
    const own = previous.then(() => performTask(db, name as TaskName, input as TaskInput<TaskName>, tell))
    previous = own.catch(() => undefined)
    return own
  }
})
