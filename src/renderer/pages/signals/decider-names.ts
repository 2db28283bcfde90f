import type { Decider } from '../../../shared/types.ts'

export const DECIDER_NAMES: Record<Decider, string> = { human: 'People', imported: 'Imported with the data', judge: 'LLM judge', classifier: 'Classifier', rules: 'Rules' }
