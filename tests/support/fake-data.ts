/** The calls of workspace, imports, conversations, signals and datasets, answered from made-up conversations. */
import { DEFAULT_RUBRIC, readRubric } from '../../src/core/rubric.ts'
import { wilson } from '../../src/core/statistics.ts'
import { reliability, thresholdCurve } from '../../src/core/threshold.ts'
import { BackendError } from '../../src/backend/errors.ts'
import type { CallName, ConversationRow, Handlers, ParsedInput, Push, SignalRow } from '../../src/shared/contract.ts'
import type { Dataset, FeedbackRow, Job, Pair, Signal } from '../../src/shared/types.ts'
import { fakeInspection } from './fake-inspection.ts'
import { fakeMap } from './fake-map.ts'
import { makeConversations, type FakeConversation } from './fake-conversations.ts'

type DataCall = Extract<CallName, `workspace.${string}` | 'doctor.run' | `imports.${string}` | `conversations.${string}` | `signals.${string}` | `datasets.${string}` | 'models.list'>
export type FakeDataOptions = { /** How many conversations the workspace claims to have; those beyond the made ones repeat. */ conversations: number; push(push: Push): void; runs(): number; demo(): { jobId: string; group: string; status: Job['status'] } | null }

const notFound = (what: string): never => {
  throw new BackendError('not-found', what)
}

export function fakeData(options: FakeDataOptions): Pick<Handlers, DataCall> {
  const made = options.conversations === 0 ? [] : makeConversations(Math.min(options.conversations, 900))
  const repeats = made.length === 0 ? 0 : Math.max(1, options.conversations / made.length)
  const byId = new Map(made.map((one) => [one.conversation.id, one]))
  const find = (id: string): FakeConversation => byId.get(id.split('~')[0] ?? '') ?? notFound(`conversations.get: expected a conversation of this workspace, got "${id}"`)
  const signals = (): Signal[] => made.flatMap((one) => one.signals)

  function rowOf({ conversation, signals }: FakeConversation, repeat: number, query: string | undefined): ConversationRow {
    const text = conversation.messages.map((message) => message.content).join(' \n ')
    const at = query ? text.toLowerCase().indexOf(query.toLowerCase()) : -1
    const snippet = at < 0 || !query ? (conversation.messages[0]?.content ?? '').slice(0, 220) : `${at > 60 ? '… ' : ''}${text.slice(Math.max(0, at - 60), at)}\uE000${text.slice(at, at + query.length)}\uE001${text.slice(at + query.length, at + 160)}`
    return { id: repeat === 0 ? conversation.id : `${conversation.id}~${repeat}`, source: conversation.source, model: conversation.model, language: conversation.language, createdAt: conversation.createdAt, turns: conversation.messages.length, characters: text.length, tags: [], snippet: snippet.replaceAll('\n', ' '), signals: signals.map(({ turnIndex, label }) => ({ turnIndex, label })) }
  }

  function matching(input: Omit<ParsedInput<'conversations.facets'>, never>): FakeConversation[] {
    return made.filter(({ conversation, signals }) => {
      const text = input.query ? conversation.messages.map((message) => message.content).join(' \n ').toLowerCase() : ''
      return (!input.query || text.includes(input.query.toLowerCase())) && (!input.source || conversation.source === input.source) && (!input.model || conversation.model === input.model) && (!input.signal || signals.some((signal) => signal.label === input.signal)) && (!input.category || signals.some((signal) => signal.categories.includes(input.category ?? ''))) && (input.minTurns === undefined || conversation.messages.length >= input.minTurns) && (input.maxTurns === undefined || conversation.messages.length <= input.maxTurns)
    })
  }

  const sorts: Record<ParsedInput<'conversations.list'>['sort'], (one: FakeConversation) => number | string> = {
    imported: (one) => made.indexOf(one),
    turns: ({ conversation }) => conversation.messages.length,
    length: ({ conversation }) => conversation.messages.reduce((sum, message) => sum + message.content.length, 0),
    dissatisfied: ({ signals }) => signals.filter((signal) => signal.label === 'dissatisfied').length,
    date: ({ conversation }) => conversation.createdAt ?? '',
    source: ({ conversation }) => conversation.source,
    model: ({ conversation }) => conversation.model ?? '',
    language: ({ conversation }) => conversation.language ?? '',
    opening: ({ conversation }) => (conversation.messages[0]?.content ?? '').toLowerCase(),
    satisfied: ({ signals }) => signals.filter((signal) => signal.label === 'satisfied').length,
    neutral: ({ signals }) => signals.filter((signal) => signal.label === 'neutral').length,
    share: ({ signals }) => signals.filter((signal) => signal.label === 'dissatisfied').length / (signals.length || 1),
    probability: ({ signals }) => Math.max(0, ...signals.map(({ probability }) => probability)),
    reviewed: ({ signals }) => signals.filter(({ decider }) => decider === 'human').length,
    category: ({ signals }) => new Set(signals.flatMap(({ categories }) => categories)).size,
    tag: () => 0, near: () => 0, personal: () => 0, relevance: () => 0,
  }
  const tally = (values: (string | null)[]): { value: string; count: number }[] => {
    const counts = new Map<string, number>()
    for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1)
    return [...counts].map(([value, count]) => ({ value, count: Math.round(count * repeats) })).sort((a, b) => b.count - a.count)
  }
  const reply = (signal: Signal): { userText: string; replyText: string } => {
    const { messages } = find(signal.conversationId).conversation
    return { userText: messages[signal.turnIndex]?.content ?? '', replyText: messages[signal.turnIndex - 1]?.content ?? '' }
  }

  const feedback = (): FeedbackRow[] => signals().map((signal) => ({ prompt: find(signal.conversationId).conversation.messages.slice(0, signal.turnIndex - 1), reply: reply(signal).replyText, label: signal.label, userFeedback: reply(signal).userText, conversationId: signal.conversationId, turnIndex: signal.turnIndex, task: null }))
  const pairs = (): Pair[] =>
    feedback().flatMap((row) => {
      const later = find(row.conversationId).conversation.messages[row.turnIndex + 1]
      if (row.label !== 'dissatisfied' || !later) return []
      return [{ prompt: row.prompt, chosen: later.content, rejected: row.reply, task: null, provenance: { conversationId: row.conversationId, turnIndex: row.turnIndex, userFeedback: row.userFeedback, round: 1, policy: 'drift/seed 1, round 1', seed: 1 } }]
    })
  const count = (label: string): number => signals().filter((signal) => signal.label === label).length
  const datasets = (): Dataset[] =>
    made.length === 0
      ? []
      : [
          { name: 'feedback-1', kind: 'feedback', hash: '9c41f2a07be3', rows: signals().length, createdAt: '2026-08-02T10:21:00Z', recipe: { source: 'built-in world', threshold: 0.5, deciders: 'human > imported > rules 1' }, statistics: [{ label: 'dissatisfied', value: count('dissatisfied') }, { label: 'satisfied', value: count('satisfied') }, { label: 'neutral', value: count('neutral') }, { label: 'conversations', value: made.length }, { label: 'median reply, characters', value: 118 }, { label: 'distinct prompts', value: 871 }], contamination: null, gone: null },
          { name: 'drift-round-1-pairs', kind: 'preference', hash: 'b07e55d1c2fa', rows: pairs().length, createdAt: '2026-08-02T10:48:00Z', recipe: { parent: 'feedback-1', chosen: 'sampled from drift/seed 1 at round 1', rejected: 'logged reply', temperature: 1 }, statistics: [{ label: 'pairs', value: pairs().length }, { label: 'chosen longer', value: '54 %' }, { label: 'identical pairs dropped', value: 3 }], contamination: null, gone: null },
          { name: 'heldout-prompts', kind: 'prompts', hash: '55aa8fd10c77', rows: 240, createdAt: '2026-08-02T10:22:00Z', recipe: { split: 'held out', of: 'feedback-1', share: 0.1 }, statistics: [{ label: 'prompts', value: 240 }], contamination: null, gone: null },
        ]
  const rowsOf = (name: string): (FeedbackRow | Pair | { prompt: FeedbackRow['prompt']; task: null; conversationId: string })[] => {
    if (name === 'feedback-1') return feedback()
    if (name === 'drift-round-1-pairs') return pairs()
    if (name === 'heldout-prompts') return feedback().slice(0, 240).map(({ prompt, conversationId }) => ({ prompt, task: null, conversationId }))
    return notFound(`datasets.rows: expected a dataset of this workspace, got "${name}"`)
  }

  const setAside = [
    { row: 118, reason: 'conversation[2].role: expected user, assistant, system or tool, got "function"', raw: '{"conversation_id":"a1","conversation":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"},{"role":"function","content":"{}"}]}' },
    { row: 4031, reason: 'conversation: expected at least one user message, got none', raw: '{"conversation_id":"b2","conversation":[]}' },
    { row: 9977, reason: 'line is not JSON: unexpected end at column 812', raw: '{"conversation_id":"c3","conversation":[{"role":"user","content":"Tell me about' },
  ].map((row, i) => ({ ...row, id: i + 1, key: `k${i}`, importId: 'i2', file: 'wildchat-2024.jsonl', mended: null, header: null, bytes: row.raw.length, isCut: false, isDismissed: false, reading: {} }))
  const info = (): ReturnType<Handlers['workspace.info']> => ({ path: '/home/ana/drift/support-logs', name: 'support-logs', host: 'server', version: '0.1.0', counts: { conversations: made.length === 0 ? 0 : options.conversations, signals: Math.round(signals().length * repeats), datasets: datasets().length, runs: options.runs() }, capsule: null, demo: options.demo() })

  return {
    'workspace.info': info,
    'workspace.recent': () => ['support-logs', 'wildchat-slice', 'first-look'].map((name, index) => ({ path: `/home/ana/drift/${name}`, name, openedAt: `2026-08-0${5 - index}T09:00:00Z`, current: index === 0 })),
    'workspace.open': info,
    'doctor.run': () => ({
      checks: [
        { name: 'node', ok: true, detail: 'Node 24.9.0 on linux-x64' },
        { name: 'sqlite', ok: true, detail: 'SQLite 3.50.4 with full-text search' },
        { name: 'onnx', ok: true, detail: 'onnxruntime 1.30.0 runs; built with cpu, webgpu' },
        { name: 'electron', ok: false, detail: 'the runtime is here, but there is no display: the workbench opens in a browser' },
        { name: 'torch', ok: false, detail: 'Python 3.13.5 (python3) has no torch and no transformers; the torch engine is optional: set DRIFT_PYTHON to an interpreter that has them' },
        { name: 'gpu', ok: false, detail: 'no NVIDIA GPU found (nvidia-smi: not found); what the embedded engine can use is said under webgpu' },
        { name: 'webgpu', ok: false, detail: 'device webgpu: expected a graphics adapter that WebGPU can use, found none (Failed to get a WebGPU adapter: No supported adapters); install the Vulkan loader (libvulkan1) and the graphics driver’s Vulkan part, or choose device cpu' },
      ],
    }),
    'imports.list': () =>
      made.length === 0
        ? []
        : [
            { id: 'i2', files: ['/home/ana/data/wildchat-2024.jsonl'], format: 'wildchat', imported: 5, duplicates: 12, deleted: 0, quarantined: 3, mended: 0, createdAt: '2026-08-02T10:20:00Z', seconds: null, reading: {}, stopped: true },
            { id: 'i1', files: ['built-in world, seed 1'], format: 'drift', imported: made.length - 5, duplicates: 0, deleted: 0, quarantined: 0, mended: 0, createdAt: '2026-08-02T10:18:00Z', seconds: 4.1, reading: {}, stopped: false },
          ],
    'imports.preview': ({ files, mapping }) => ({
      files: files.length,
      bytes: 1_420_000_000,
      file: files[0] ?? '',
      format: mapping ? 'csv' : files[0]?.endsWith('.csv') ? null : 'wildchat',
      columns: files[0]?.endsWith('.csv') ? ['ticket', 'who', 'said', 'day'] : ['conversation_hash', 'conversation', 'model'],
      mapping: mapping ?? {},
      conversations: files[0]?.endsWith('.csv') && !mapping ? [] : made.slice(0, 5).map(({ conversation }) => ({ ...conversation, turns: conversation.messages.length, messages: conversation.messages.slice(0, 6) })),
      labels: 0,
      problems: files[0]?.endsWith('.csv') ? [] : [{ row: 3, reason: 'conversation[2].role: expected system, user, assistant or tool, got "narrator"', raw: '' }],
    }),
    'imports.upload': ({ name, size }) => ({ path: `/workspace/uploads/${name}`, bytes: size }),
    'imports.start': ({ files }) => {
      const job: Job = { id: 'import-1', kind: 'import', title: `Import ${files.join(', ')}`, status: 'running', stage: 'reading', done: 4200, total: 12000, perSecond: 8123.4, etaSeconds: 1, runId: null, error: null }
      options.push({ type: 'job', job })
      setTimeout(() => {
        options.push({ type: 'job', job: { ...job, status: 'done', done: 12000, etaSeconds: 0 } })
        options.push({ type: 'workspace.changed', nouns: ['imports', 'conversations', 'signals'] })
      }, 2500)
      return { jobId: job.id }
    },
    'imports.quarantine': () => ({ total: setAside.length, rows: setAside.map(({ id, key, importId, file, row, reason, raw }) => ({ id, key, importId, file, row, reason, raw, edited: false })) }),
    'imports.quarantineFacets': () => ({ imports: [{ value: 'i2', count: 3 }], files: [{ value: 'wildchat-2024.jsonl', count: 3 }], kinds: setAside.map(({ reason }) => ({ value: reason.replace(/,? got .*/, ''), count: 1 })), dismissed: 0 }),
    'imports.quarantinedRow': ({ id }) => setAside.find((row) => row.id === id) ?? setAside[0]!,
    'imports.mend': ({ text }) => ({ reason: `expected JSON: as in a real workspace, got ${text.length} characters` }),
    'imports.dismiss': () => ({ ok: true }),
    'imports.exportQuarantine': ({ path }) => ({ path: `/home/ana/drift/support-logs/exports/${path}`, rows: setAside.length, leftOut: 0 }),
    'conversations.analysis': () => ({ waiting: 0, groups: 0 }),
    'conversations.analyse': () => ({ jobId: 'analysis-1' }),
    ...fakeMap(made, (one) => rowOf(one, 0, undefined)),
    'conversations.group': () => ({ total: 0, members: [] }),
    'conversations.descent': ({ selection }) => {
      const conversations = 'ids' in selection ? selection.ids.length : Math.round(matching(selection.filter).length * repeats)
      return { conversations, turns: 4 * conversations, signals: conversations, labelledTurns: 0, datasets: [{ name: 'feedback-1', rows: conversations, of: signals().length }], runs: [], samples: 0, classifierTurns: 0, until: 1e6 }
    },
    'conversations.delete': ({ selection }) => ({ deletion: 1, conversations: 'ids' in selection ? selection.ids.length : matching(selection.filter).length, stopped: false }),
    'conversations.restore': () => ({ conversations: 1, importable: 0, stopped: false }),
    'conversations.purge': ({ ids }) => ({ conversations: ids.length }),
    'conversations.deleted': () => ({ total: 0, rows: [] }),
    'conversations.list': (input) => {
      const rows = matching(input)
      if (input.sort !== 'imported') rows.sort((a, b) => (sorts[input.sort](a) < sorts[input.sort](b) ? -1 : 1))
      if (input.descending) rows.reverse()
      const total = Math.round(rows.length * repeats)
      const seen: ConversationRow[] = []
      for (let index = input.offset; index < Math.min(total, input.offset + input.limit); index++) {
        const one = rows[index % rows.length]
        if (one) seen.push(rowOf(one, Math.floor(index / rows.length), input.query))
      }
      return { total, rows: seen, until: total }
    },
    'conversations.between': () => ({ ids: made.map(({ conversation }) => conversation.id) }),
    'conversations.facets': (input) => {
      const rows = matching(input)
      return [
        { name: 'signal', values: tally(rows.flatMap(({ signals }) => [...new Set(signals.map((signal) => signal.label))])) },
        { name: 'category', values: tally(rows.flatMap(({ signals }) => [...new Set(signals.flatMap((signal) => signal.categories))])) },
        { name: 'source', values: tally(rows.map(({ conversation }) => conversation.source)) },
        { name: 'model', values: tally(rows.map(({ conversation }) => conversation.model)) },
        { name: 'language', values: tally(rows.map(({ conversation }) => conversation.language)) },
        { name: 'turns', values: tally(rows.map(({ conversation: { messages } }) => (messages.length <= 2 ? '1..2' : messages.length <= 4 ? '3..4' : messages.length <= 8 ? '5..8' : '9..16'))).sort((a, b) => parseInt(a.value) - parseInt(b.value)) },
      ]
    },
    'conversations.tag': ({ selection }) => ({ changed: 'ids' in selection ? selection.ids.length : matching(selection.filter).length, change: 1 }),
    'conversations.undoTag': () => ({ changed: 1 }),
    'conversations.export': ({ path }) => ({ path: `/home/ana/drift/support-logs/exports/${path}`, rows: made.length }),
    'conversations.ids': () => ({ ids: made.map(({ conversation }) => conversation.id), total: made.length }),
    'conversations.views': () => [{ id: 1, name: 'Unhappy and long', address: '?signal=dissatisfied&turns=9..' }],
    'conversations.saveView': ({ name, address }) => ({ id: 2, name, address }),
    'conversations.renameView': ({ id, name }) => ({ id, name, address: '' }),
    'conversations.removeView': ({ id }) => ({ id, name: 'Unhappy and long', address: '' }),
    'conversations.get': ({ id }) => {
      const { conversation, signals } = find(id)
      return { conversation: { ...conversation, id }, tags: [], signals, usedIn: signals.length > 0 ? [{ dataset: 'feedback-1', run: 'drift/seed 1' }] : [] }
    },
    'signals.summary': () => {
      const all = signals()
      const categories = [...new Set(all.flatMap((signal) => signal.categories))]
      return {
        answeredTurns: Math.round(all.length * repeats),
        labels: (['dissatisfied', 'satisfied', 'neutral'] as const).map((label) => ({ label, count: Math.round(all.filter((signal) => signal.label === label).length * repeats) })),
        deciders: tally(all.map((signal) => `${signal.decider}\n${signal.deciderVersion}`)).map(({ value, count }) => ({ decider: value.split('\n')[0] ?? '', version: value.split('\n')[1] ?? '', count })),
        categories: categories
          .map((category) => {
            const those = all.filter((signal) => signal.categories.includes(category))
            return { category, count: Math.round(those.length * repeats), examples: those.slice(0, 3).map((signal) => ({ conversationId: signal.conversationId, turnIndex: signal.turnIndex, text: reply(signal).userText })) }
          })
          .sort((a, b) => b.count - a.count),
      }
    },
    'signals.list': ({ label, category, decider, offset, limit }) => {
      const all = signals().filter((signal) => (!label || signal.label === label) && (!category || signal.categories.includes(category)) && (!decider || signal.decider === decider))
      const total = Math.round(all.length * repeats)
      const rows: SignalRow[] = []
      for (let index = offset; index < Math.min(total, offset + limit); index++) {
        const signal = all[index % all.length]
        if (signal) rows.push({ ...signal, ...reply(signal) })
      }
      return { total, rows }
    },
    'signals.run': () => {
      const job: Job = { id: 'signals-1', kind: 'signals', title: 'Rules over every answered turn', status: 'running', stage: 'judging', done: 411, total: 1480, perSecond: 512, etaSeconds: 2, runId: null, error: null }
      options.push({ type: 'job', job })
      setTimeout(() => options.push({ type: 'job', job: { ...job, status: 'done', done: 1480 } }), 2000)
      return { jobId: job.id }
    },
    'signals.retrain': () => ({ jobId: 'signals-2' }),
    'signals.classifier': () => ({ version: 'ea73101bafc0', own: false, trainedOn: 'simulated users of the built-in world', turns: 12715, dissatisfied: 2108, cutoff: 0.45, precision: wilson(2000, 2021), recall: wilson(2000, 2108), labels: { people: 48, imported: 0, dissatisfied: 17 }, fewestOfEach: 10 }),
    'signals.threshold': () => {
      const reviewed = Array.from({ length: 240 }, (_, i) => ({ probability: ((i * 37) % 100) / 100, dissatisfied: (i * 53) % 100 < (i * 37) % 100 }))
      const cutoffs = Array.from({ length: 101 }, (_, i) => i / 100)
      return { reviewed: { people: 48, imported: 192, dissatisfied: reviewed.filter(({ dissatisfied }) => dissatisfied).length }, curve: thresholdCurve(reviewed, cutoffs), mix: cutoffs.map((cutoff) => ({ dissatisfied: Math.round(900 * (1 - cutoff) ** 2), satisfied: Math.round(140 * cutoff) + 60, neutral: 1200 - Math.round(900 * (1 - cutoff) ** 2) - Math.round(140 * cutoff) - 60 })), reliability: reliability(reviewed) }
    },
    'signals.rubric': () => ({ ...readRubric(DEFAULT_RUBRIC), text: DEFAULT_RUBRIC }),
    'signals.saveRubric': ({ text }) => ({ ...readRubric(text), text }),
    'signals.judge': () => ({ baseUrl: '', model: '', rubric: DEFAULT_RUBRIC, concurrency: 4, promptPrice: null, completionPrice: null, key: null }),
    'signals.configureJudge': () => ({ ok: true }),
    'signals.estimateJudge': () => ({ turns: 1480, cached: 0, promptTokens: 902_000, completionTokens: 88_800, cost: null, seconds: null }),
    'signals.label': ({ conversationId, turnIndex, label }) => {
      const one = find(conversationId)
      const before = one.signals.find((signal) => signal.turnIndex === turnIndex)
      const signal: Signal | null = label === null ? null : { conversationId, turnIndex, label, probability: 1, categories: before?.categories ?? [], evidence: null, decider: 'human', deciderVersion: 'you' }
      one.signals = [...one.signals.filter((other) => other.turnIndex !== turnIndex), ...(signal ? [signal] : [])].sort((a, b) => a.turnIndex - b.turnIndex)
      options.push({ type: 'workspace.changed', nouns: ['signals'] })
      return { signal }
    },
    'datasets.list': datasets,
    'datasets.rows': ({ name, offset, limit }) => {
      const rows = rowsOf(name)
      return { total: rows.length, rows: rows.slice(offset, offset + limit) }
    },
    'datasets.lint': ({ name }) => ({ rows: rowsOf(name).length, findings: [], model: null, maxLength: null }),
    'datasets.fix': ({ name }) => notFound(`dataset ${name}: nothing to fix`),
    'datasets.check': ({ name }) => datasets().find((dataset) => dataset.name === name) ?? notFound(`datasets.check: no dataset ${name}`),
    'datasets.diff': ({ before, after }) => ({ before, after, counts: { added: 0, removed: 0, changed: 0, same: rowsOf(before).length }, statistics: [], rows: [] }),
    'datasets.build': ({ name, kind }) => ({ ...(datasets()[0] ?? notFound('datasets.build: no conversations')), name, kind }),
    'models.list': () => [
      { path: 'runs/drift-seed1/models/round-2', name: 'drift-seed1, round 2', run: 'drift-seed1', reference: 'runs/drift-seed1/models/round-1' },
      { path: 'runs/drift-seed1/models/round-1', name: 'drift-seed1, round 1', run: 'drift-seed1', reference: 'models/base' },
      { path: 'models/base', name: 'models/base', run: null, reference: null },
    ],
    'datasets.inspect': ({ name, row, policy, reference }) => {
      const pair = rowsOf(name)[row]
      if (!pair || !('chosen' in pair)) return notFound(`dataset ${name}: expected a pair at ${row}`)
      // The second row is as long as replies get.
      const times = row === 1 ? 15 : 1
      return fakeInspection(pair.prompt, Array.from({ length: times }, () => pair.chosen).join('\n'), Array.from({ length: times }, () => pair.rejected).join('\n\n'), { policy, reference })
    },
    'datasets.export': ({ name, path }) => ({ path, rows: rowsOf(name).length }),
  }
}
