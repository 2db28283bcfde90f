/** The thread behind `thread.ts`. */
import { serveTasks } from '../serve-tasks.ts'
import { signalTasks, type Tasks } from './tasks.ts'

serveTasks((db) => {
  const tasks = signalTasks(db)
  return (name, input) => (tasks[name as keyof Tasks] as (input: unknown) => unknown)(input)
})
