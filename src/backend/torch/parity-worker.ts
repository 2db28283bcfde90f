/** The thread behind `parity-thread.ts`. */
import { serveTasks } from '../serve-tasks.ts'
import { checkParity, type ParityInput } from './parity.ts'

serveTasks((db) => (_, input) => checkParity(input as ParityInput, db, process.env))
