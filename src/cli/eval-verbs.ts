/** `drift eval answer`, `drift eval alpacaeval` and `drift eval wildbench`. Declared here, done in ./answers.ts and ./evals.ts. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Device, EngineName } from '../engine/device.ts'
import { ANSWERED_BENCHMARKS, type AnsweredBenchmark } from '../shared/answers.ts'
import { deviceName, engineName } from './engine-options.ts'
import { aboveZero, concurrency, lengthMargin, numberWithin, positiveInteger, topP, wholeNumber } from './option-values.ts'

export type JudgeOptions = { judgeUrl?: string; judgeModel?: string; workspace?: string; concurrency: number; price?: { prompt: number; completion: number }; estimate?: true; json?: true }
export type AlpacaOptions = JudgeOptions & { annotations?: string; outputs?: string; baseline?: string; difficulty?: string; gamed?: string; instructions?: string; match: 'instruction' | 'position'; c?: number; swap?: true }
export type WildBenchOptions = JudgeOptions & { scores?: string; pairwise?: string; tasks?: string; outputs?: string; baseline?: string; reference?: string; tags?: string; k: number }

export type AnswerOptions = {
  workspace: string; benchmark?: AnsweredBenchmark; prompts?: string; run?: string; round?: number; model?: string; resume?: string
  engine: EngineName; device: Device; useVllm?: true; temperature: number; topP: number; maxNewTokens?: number; batchSize: number; seed: number; estimate?: true; json?: true
}

export function registerEvalVerbs(program: Command): void {
  const evaluate = program.command('eval').description('AlpacaEval 2 and WildBench: answers of a policy, and figures by a judge')
  evaluate
    .command('answer')
    .description("a policy's answers to a benchmark's prompts, in the benchmark's own format, for a judge here or elsewhere")
    .requiredOption('--workspace <dir>', 'keeps the answers as they come')
    .addOption(new Option('--benchmark <name>', 'whose prompts').choices(ANSWERED_BENCHMARKS))
    .option('--prompts <file>', "AlpacaEval: rows with instruction, such as any model's outputs; WildBench: the data set's rows")
    .option('--run <id>', 'the run whose checkpoint answers')
    .option('--round <number>', 'its round; 0 is the warm start (default: the last that is trained)', wholeNumber)
    .option('--model <dir>', 'another model folder, instead of a run')
    .option('--resume <id>', 'go on with a set that was stopped; its settings are kept')
    .option('--engine <name>', 'embedded or torch', engineName, 'embedded')
    .option('--device <name>', 'embedded: cpu or webgpu; torch: cpu, cuda or mps', deviceName, 'cpu')
    .option('--use-vllm', 'with --engine torch: by vLLM, which makes its batches itself')
    .option('--temperature <t>', 'softmax temperature; 0 is greedy', numberWithin(0, Infinity), 0)
    .option('--top-p <p>', 'smallest set of tokens with this probability is kept', topP, 1)
    .option('--max-new-tokens <count>', "longest answer (default: 2048, or half of the model's context)", positiveInteger)
    .option('--batch-size <count>', 'answers decoded together; part of what makes them repeatable', positiveInteger, 16)
    .option('--seed <number>', 'seed of the whole set', wholeNumber, 42)
    .option('--estimate', 'tell time, memory and disk, and answer nothing')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: AnswerOptions) => (await import('./answers.ts')).runAnswerVerb(options))

  const alpacaeval = evaluate
    .command('alpacaeval')
    .description("win rates of AlpacaEval 2, plain and length-controlled, in percent; from a judge's file, or with --judge-url by asking a judge")
    .option('--annotations <file>', "the judge's file; with --judge-url: answers to judge anew, which calibrates the judge")
    .option('--outputs <file>', "the model's answers, for avg_length and for a judge")
    .option('--baseline <file>', "the baseline's answers, for a judge")
    .option('--difficulty <file>', 'instruction_difficulty.csv; without it the length-controlled rate is null')
    .option('--gamed <file>', 'df_gamed.csv, the regularisation rows of the fit')
    .option('--instructions <file>', 'outputs of any model that has all instructions, where the annotations lack some')
    .addOption(new Option('--match <how>', 'look the difficulty up by instruction, or by row number as published values of files with missing rows were').choices(['instruction', 'position']).default('instruction'))
    .option('--c <value>', 'regularisation strength (default: by cross-validation)', aboveZero)
    .option('--swap', 'ask the judge in both orders and average; the published one saw one order')
  judgeOptions(alpacaeval).action(async (options: AlpacaOptions) => (await import('./evals.ts')).runAlpacaEval(options))

  const wildbench = evaluate
    .command('wildbench')
    .description("WB-Score from scores, or WB-Reward from comparisons with a reference; from a judge's file, or with --judge-url by asking a judge")
    .option('--scores <file>', "the judge's scores")
    .option('--pairwise <file>', "the judge's comparisons")
    .option('--tasks <file>', "the data set's rows, for a judge")
    .option('--outputs <file>', "the model's answers, for a judge")
    .option('--baseline <file>', "the reference model's answers, for a judge; gives WB-Reward")
    .option('--reference <name>', 'name contained in the id of the reference model')
    .option('--tags <file>', 'task tags; without them the task figures are null')
    .option('--k <characters>', 'length margin of WB-Reward; -1 switches it off', lengthMargin, 500)
  judgeOptions(wildbench).action(async (options: WildBenchOptions) => (await import('./evals.ts')).runWildBench(options))
}

function judgeOptions(command: Command): Command {
  return command
    .option('--judge-url <url>', 'OpenAI-compatible endpoint, with its version: http://127.0.0.1:8000/v1; key from DRIFT_JUDGE_API_KEY')
    .option('--judge-model <name>', 'model that judges')
    .option('--workspace <dir>', "keeps the evaluation, and the judge's replies, there (needed for a judge)")
    .option('--concurrency <number>', 'questions asked at once', concurrency, 4)
    .option('--price <prompt,completion>', 'of a million tokens each, for the cost estimate', prices)
    .option('--estimate', 'tell calls, tokens, cost and time, and ask nothing')
    .option('--json', 'one JSON object on stdout')
}

function prices(text: string): { prompt: number; completion: number } {
  const [prompt, completion, ...more] = text.split(',').map(Number)
  if (!(prompt! >= 0) || !(completion! >= 0) || more.length > 0) throw new InvalidArgumentError(`expected two prices such as 2.5,10, got ${text}.`)
  return { prompt: prompt!, completion: completion! }
}
