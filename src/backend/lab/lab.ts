/** `Lab` of the recipes, implemented on an engine and the workspace's journal. */
import { makeRng } from '../../core/rng.ts'
import { verify } from '../../core/verifiers.ts'
import type { Lab, Policy, RewardModel } from '../../recipes/lab.ts'
import { UsageError } from '../../shared/errors.ts'
import { setSampleRewards } from '../storage/run-stages.ts'
import { type LabContext, roundOf } from './context.ts'
import { canaryPrompts } from './canaries.ts'
import { BASE_ROUND, describePairs, evaluateStage, type EvaluationData, rateEvaluations, type RatedEvaluation } from './evaluating.ts'
import { TokenBudget } from './budget.ts'
import { runStage } from './journal.ts'
import { judgeIdentity, judgeRewards } from './judging.ts'
import { probeStage } from './probing.ts'
import { sampleStage } from './sampling.ts'
import { scoreRewards } from './scores.ts'
import { DrawnReplies } from './stale.ts'
import { replyIds } from './text.ts'
import { rewardTrainingOf, trainRewardStage, trainStage } from './training.ts'

export function createLab(context: LabContext, base: Policy, evaluations: readonly EvaluationData[]): Lab {
  const { recipe, usage } = context
  const canaries = canaryPrompts(recipe, evaluations)
  const rewardHashes = new Map<string, string>()
  const drawn = new DrawnReplies()
  const budget = new TokenBudget(context)
  let rated: RatedEvaluation[] | null = null
  return {
    base,

    draw(stage, rows, n) {
      if (n === null || rows.length === 0) return rows.slice(0, n ?? undefined)
      const rng = makeRng(`${recipe.seed}/${stage}/draw`)
      const drawn: typeof rows = []
      while (drawn.length < n) drawn.push(...rng.shuffled(rows).slice(0, n - drawn.length))
      return drawn
    },

    async train(stage, start, reference, pairs, training) {
      usage.addPairs(pairs)
      const policy = await trainStage(context, stage, start, reference, pairs, budget.fit(stage, pairs, training), canaries)
      budget.add(stage)
      return policy
    },

    async sample(stage, policy, prompts, sampling) {
      return (await this.resample(stage, policy, prompts, sampling, null)).map(({ replies }) => replies)
    },

    async resample(stage, policy, prompts, sampling, staleBeyond) {
      const before = staleBeyond === null ? [] : drawn.earlier(context, prompts)
      const earlier = staleBeyond === null || before.every((one) => one === null) ? null : { staleBeyond, drawn: before }
      const sampled = await sampleStage(context, stage, policy, prompts, sampling, earlier)
      usage.addSamples(prompts, sampled.drawn.map(({ replies }) => replies))
      budget.add(stage)
      drawn.add(stage, policy, sampled.fresh.map((i) => prompts[i]!), sampling.n)
      return sampled.drawn
    },

    async trainReward(stage, start, satisfied, dissatisfied): Promise<RewardModel> {
      if (recipe.reward === 'verifiable') return { verifier: true }
      if (recipe.reward === 'judge') return { judge: true }
      const { folder, hash } = await trainRewardStage(context, stage, start, satisfied, dissatisfied, rewardTrainingOf(recipe))
      rewardHashes.set(folder, hash)
      budget.add(stage)
      return { folder }
    },

    reward(stage, model, rows) {
      const candidates = rows.map(({ row, reply }) => [row.prompt, reply, row.task])
      return runStage<(number | null)[]>(context, {
        key: stage,
        kind: 'reward',
        round: roundOf(stage),
        startsFrom: null,
        inputs: { model: 'verifier' in model ? 'verifier' : 'judge' in model ? judgeIdentity(recipe) : rewardHashes.get(model.folder), candidates },
        async work({ tell }) {
          tell(0, rows.length)
          const rewards =
            'judge' in model ? await judgeRewards(context, stage, rows, tell)
            : 'verifier' in model
              ? rows.map(({ row, reply }) => {
                  if (row.task === null) throw new UsageError(`${stage}: expected rows with a task that a program can verify (reward: verifiable), got one of conversation ${row.conversationId} without; set reward: learned`)
                  return verify(row.task, reply).reward
                })
              : [...(await scoreRewards(context, { folder: model.folder, hash: rewardHashes.get(model.folder) ?? '' }, rows.map(({ row, reply }) => replyIds(context.text, row.prompt, reply, recipe.training.max_length)), (done) => tell(done, rows.length)))]
          return { result: rewards, counts: { rewardQueries: rows.length }, summary: { queries: rows.length } }
        },
        // The candidates of a round are its samples, in their order.
        finish: (rewards) => setSampleRewards(context.workspace.db, context.lease.runId, stage.replace(/\/reward$/, '/sample'), rewards),
      })
    },

    async evaluate(round, policy, pairs) {
      describePairs(context, round, pairs)
      rated ??= await rateEvaluations(context, base, evaluations)
      if (round === 0) await evaluateStage(context, BASE_ROUND, base, base, rated)
      await evaluateStage(context, round, policy, base, rated)
      if (round === 0) await probeStage(context, BASE_ROUND, base, base, rated, [])
      await probeStage(context, round, policy, base, rated, drawn.chosen(context, pairs))
    },
  }
}
