/**
 * DRIFT: Dissatisfaction-Refined Iterative preference Training.
 *   rejected = the logged reply the user disliked
 *   chosen   = a fresh sample from the CURRENT policy, shown the disliked reply and the user's words
 *              (with resample_stale_only: an earlier round's, where the policy has hardly moved from it)
 *   each round starts from the previous round's policy
 */
import type { Method } from './lab.ts'
import { asReply, guided } from './prompts.ts'
import { pairOf, trainRound, warmStart } from './steps.ts'

export const drift: Method = {
  source: 'arXiv 2510.02341 and its code, cacayaya/DRIFT',
  deviations: [
    'the feedback is a chat turn by default; prompt_style paper writes the public raw "User:/Assistant:" text',
    'a prompt too long loses its beginning, so that the instruction survives, and the cut is reported (there the end is cut, and the instruction lost: sampling.truncation_side right does as there, and the paper presets set it)',
    'the reply is what was generated, cut by token count (there: what follows the last "Assistant: " in the text, also one within a reply or a cut prompt: sampling.reply_from last-marker does as there, and the paper presets set it)',
    'training cuts pairs at max_length alone, as TRL does today (there prompts are cut to 1,024 tokens too)',
    'which frozen policy is the reference is not stated there: reference says it (default: the round\'s start)',
    'sampling says all that samples depend on (there model.generate adds the model\'s generation_config to what the script passes: for Qwen2.5-Instruct top_k 20 and repetition_penalty 1.05, which the paper presets write out)',
    'a model trains on its own pairs (there the 7B\'s first iteration reads the folder of the 14B\'s pairs)',
    'weights are float32 (there bfloat16)',
    'pairs_per_round may draw fewer rows than all of them, anew each round',
    'resample_stale_only, where it is set, samples anew only for rows whose last reply the policy has moved from (there every round samples all rows anew)',
    'rows without feedback are not described there: without_feedback says what they are sampled with',
  ],
  async run(lab, logs, recipe) {
    let policy = await warmStart(lab, logs, recipe)
    await lab.evaluate(0, policy, [])

    for (let round = 1; round <= recipe.iterations; round++) {
      const rows = lab.draw(`round-${round}`, logs.dissatisfied, recipe.pairs_per_round)
      const drawn = await lab.resample(`round-${round}/sample`, policy, rows.map((row) => guided(row, recipe)), recipe.sampling, recipe.resample_stale_only)
      const pairs = rows.flatMap((row, i) => drawn[i]!.replies.map((chosen) => pairOf(row, asReply(chosen, recipe), row.reply, { round, policy: drawn[i]!.by, seed: recipe.seed })))
      policy = await trainRound(lab, round, policy, pairs, recipe)
    }
    return policy
  },
}
