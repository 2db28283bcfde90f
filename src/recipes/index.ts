import type { Recipe } from '../shared/recipe.ts'
import { dpo } from './dpo.ts'
import { drift } from './drift.ts'
import { driftFrozen } from './drift-frozen.ts'
import { driftOwnRejected } from './drift-own-rejected.ts'
import { driftSft } from './drift-sft.ts'
import { driftUnguided } from './drift-unguided.ts'
import { iterativeDpo } from './iterative-dpo.ts'
import type { Method } from './lab.ts'
import { spin } from './spin.ts'

export const recipes: Record<Recipe['recipe'], Method> = {
  drift,
  'drift-unguided': driftUnguided,
  'drift-own-rejected': driftOwnRejected,
  'drift-sft': driftSft,
  'drift-frozen': driftFrozen,
  'iterative-dpo': iterativeDpo,
  spin,
  dpo,
}
