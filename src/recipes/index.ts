import type { Recipe } from '../shared/recipe.ts'
import type { RunRecipe } from './lab.ts'
import { dpo } from './dpo.ts'
import { drift } from './drift.ts'
import { iterativeDpo } from './iterative-dpo.ts'
import { spin } from './spin.ts'

export const recipes: Record<Recipe['recipe'], RunRecipe> = { drift, 'iterative-dpo': iterativeDpo, spin, dpo }
