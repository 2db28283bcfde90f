/** Conversations to look at before (and without) a real log: the built-in world's users, and a few written by hand. */
import { judgeTurn, answeredTurns, RULES_VERSION } from '../../src/core/signals.ts'
import { makeRng } from '../../src/core/rng.ts'
import { verifyReply } from '../../src/core/world/reply.ts'
import { drawRenderedRequest } from '../../src/core/world/request.ts'
import { react } from '../../src/core/world/user.ts'
import { makeWorld } from '../../src/core/world/world.ts'
import { writeFirstReply } from '../../src/core/world/writer.ts'
import type { Conversation, Message, Signal } from '../../src/shared/types.ts'

export type FakeConversation = { conversation: Conversation; signals: Signal[] }

const turn = (role: Message['role'], ...lines: string[]): Message => ({ role, content: lines.join('\n') })
const written: { model: string; language: string; messages: Message[] }[] = [
  {
    model: 'gpt-4-0314',
    language: 'English',
    messages: [
      turn('user', 'Write a Python function that merges overlapping intervals. Input is a list of [start, end].'),
      turn('assistant', 'Here is a function that merges overlapping intervals:', '', '```python', 'def merge(intervals):', '    result = []', '    for start, end in intervals:', '        if result and result[-1][1] >= start:', '            result[-1][1] = end', '        else:', '            result.append([start, end])', '    return result', '```', '', 'It walks the list once and extends the last interval when the next one overlaps it.'),
      turn('user', 'That is wrong. [[1, 10], [2, 3]] gives [[1, 3]], and it does not sort the input first.'),
      turn('assistant', 'You are right on both counts: the end must be the larger of the two, and the input has to be sorted.', '', '```python', 'def merge(intervals):', '    result = []', '    for start, end in sorted(intervals):', '        if result and result[-1][1] >= start:', '            result[-1][1] = max(result[-1][1], end)', '        else:', '            result.append([start, end])', '    return result', '```'),
      turn('user', 'Thanks, that works. Can you add type hints and a docstring?'),
      turn('assistant', '```python', 'def merge(intervals: list[list[int]]) -> list[list[int]]:', '    """Merges overlapping closed intervals; the result is sorted by start."""', '    result: list[list[int]] = []', '    for start, end in sorted(intervals):', '        if result and result[-1][1] >= start:', '            result[-1][1] = max(result[-1][1], end)', '        else:', '            result.append([start, end])', '    return result', '```'),
      turn('user', 'I asked for list[tuple[int, int]], not lists of lists. You ignored the signature I gave at the start.'),
      turn('assistant', 'The signature at the start said “a list of [start, end]”, which I read as lists. With tuples:', '', '```python', 'def merge(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:', '    """Merges overlapping closed intervals; the result is sorted by start."""', '    result: list[tuple[int, int]] = []', '    for start, end in sorted(intervals):', '        if result and result[-1][1] >= start:', '            result[-1] = (result[-1][0], max(result[-1][1], end))', '        else:', '            result.append((start, end))', '    return result', '```'),
      turn('user', 'Perfect, thank you!'),
    ],
  },
  {
    model: 'gpt-3.5-turbo-0613',
    language: 'English',
    messages: [
      turn('user', 'Explain the difference between precision and recall to a product manager, in three sentences.'),
      turn('assistant', 'Precision and recall are two metrics used to evaluate classification models. Precision is the fraction of predicted positives that are truly positive: TP / (TP + FP). Recall is the fraction of actual positives that the model finds: TP / (TP + FN). A model can have high precision and low recall, or the reverse. The F1 score combines both as their harmonic mean. Which one matters more depends on the cost of each kind of error in your product.'),
      turn('user', 'too long, I said three sentences. and no formulas please, she is not technical'),
      turn('assistant', 'Precision tells you how often an alarm is a real one. Recall tells you how many of the real problems set off an alarm. Raising one usually lowers the other, so we choose by asking which mistake costs us more.'),
      turn('user', 'great, exactly what I needed'),
    ],
  },
  {
    model: 'gpt-4o-2024-08-06',
    language: 'German',
    messages: [
      turn('user', 'Schreib eine höfliche Absage für eine Einladung zum Abendessen am Freitag.'),
      turn('assistant', 'Liebe Frau Berger,', '', 'herzlichen Dank für Ihre freundliche Einladung zum Abendessen am Freitag. Leider bin ich an diesem Abend bereits verpflichtet und kann nicht dabei sein.', '', 'Ich würde mich sehr freuen, wenn wir das bald nachholen könnten.', '', 'Mit herzlichen Grüßen'),
      turn('user', 'Nein, das ist viel zu förmlich. Wir sind Freunde!'),
      turn('assistant', 'Hey Anna, danke dir für die Einladung! Freitag klappt bei mir leider nicht, aber nächste Woche bin ich gern dabei. Sag einfach, wann es passt.'),
      turn('user', 'Super, danke'),
    ],
  },
  {
    model: 'claude-2.1',
    language: 'English',
    messages: [
      turn('user', 'I have 3 chicken thighs, half a cabbage, soy sauce, garlic and rice. What can I cook in 25 minutes? No oven.'),
      turn('assistant', 'A great option is roasted chicken thighs with braised cabbage. Preheat the oven to 220 °C, season the thighs with soy sauce and garlic, and roast for 35 minutes while the rice cooks.'),
      turn('user', "I don't have an oven! Did you even read the question?"),
      turn('assistant', 'I am sorry, you said so. On the stove in 25 minutes:', '', '1. Start the rice.', '2. Slice the chicken thinly and brown it in a hot pan, 6 minutes.', '3. Add three sliced garlic cloves and the shredded cabbage, 5 minutes.', '4. Add two spoons of soy sauce and a splash of water, cover for 4 minutes.', '5. Serve over the rice.'),
      turn('user', 'ok'),
    ],
  },
  {
    model: 'gpt-4-0314',
    language: 'English',
    messages: [
      turn('user', 'SQL: for each customer the three latest orders. Table orders(id, customer_id, placed_at, total). Postgres.'),
      turn('assistant', '```sql', 'SELECT *', 'FROM orders', 'ORDER BY placed_at DESC', 'LIMIT 3;', '```'),
      turn('user', 'No, that returns three orders overall. I need three per customer.'),
      turn('assistant', '```sql', 'SELECT id, customer_id, placed_at, total', 'FROM (', '  SELECT *, row_number() OVER (PARTITION BY customer_id ORDER BY placed_at DESC) AS n', '  FROM orders', ') ranked', 'WHERE n <= 3', 'ORDER BY customer_id, placed_at DESC;', '```'),
      turn('user', 'And if two orders have the same placed_at?'),
      turn('assistant', '`row_number()` then picks one of them arbitrarily. Add a tie-break such as `ORDER BY placed_at DESC, id DESC`, or use `rank()` to keep both.'),
      turn('user', 'nice, thanks'),
    ],
  },
]

/** Distinct conversations: the written ones first, then talks in the built-in world. Signals are those of the rules, some imported. */
export function makeConversations(users: number): FakeConversation[] {
  const world = makeWorld(1)
  const rng = makeRng('fake conversations')
  const talks = Array.from({ length: users }, (_, index): Conversation => {
    const { spec, text } = drawRenderedRequest(rng)
    const messages = [turn('user', text)]
    for (let round = 0; round < 3; round++) {
      const reply = writeFirstReply(world, spec, rng)
      messages.push(turn('assistant', reply))
      const reaction = react(spec, verifyReply(spec, reply), rng)
      if (reaction.text === '') break
      messages.push(turn('user', reaction.text))
      if (!reaction.dsat) break
    }
    return { id: `t${index.toString(16).padStart(4, '0')}b1d2c3e4f5a697887766`, source: 'built-in world', model: index % 3 === 0 ? 'base-0.9m' : 'base-2.4m', language: 'English', createdAt: null, messages, metadata: { user: `user-1-${index}` } }
  })
  const chats = written.map(({ model, language, messages }, index): Conversation => ({ id: `w${index}${'9f3c1a77e0'.repeat(2)}`, source: 'wildchat-2024', model, language, createdAt: `2024-0${index + 2}-1${index}T09:1${index}:00Z`, messages, metadata: { country: 'redacted', turn: messages.length } }))
  return [...chats, ...talks].map((conversation, index) => ({ conversation, signals: signalsOf(conversation, index) }))
}

function signalsOf(conversation: Conversation, index: number): Signal[] {
  return answeredTurns(conversation.messages).map((turnIndex): Signal => {
    const { label, probability, categories, evidence } = judgeTurn(conversation.messages, turnIndex)
    const imported = index % 9 === 4
    return { conversationId: conversation.id, turnIndex, label, probability: imported ? Number(label === 'dissatisfied') : probability, categories, evidence: imported ? null : evidence, decider: imported ? 'imported' : 'rules', deciderVersion: imported ? 'wildchat' : RULES_VERSION }
  })
}
