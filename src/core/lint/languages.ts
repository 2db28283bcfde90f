/** Which language a text is in, told by script and, among those in Latin letters, by its small words. Pure; no model. */
import { type Check, countOf, finding, findRows } from './finding.ts'

const SCRIPTS: readonly [string, RegExp][] = [
  ['Japanese', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu], ['Korean', /\p{Script=Hangul}/gu], ['Chinese', /\p{Script=Han}/gu], ['Cyrillic', /\p{Script=Cyrillic}/gu],
  ['Arabic', /\p{Script=Arabic}/gu], ['Hebrew', /\p{Script=Hebrew}/gu], ['Greek', /\p{Script=Greek}/gu], ['Devanagari', /\p{Script=Devanagari}/gu], ['Thai', /\p{Script=Thai}/gu],
]
const SMALL_WORDS: Readonly<Record<string, ReadonlySet<string>>> = Object.fromEntries(
  Object.entries({
    English: 'the and of to is in that it for you with are this be have not on as can your i or but they what from',
    German: 'der die und das ist nicht ein eine ich du sie es mit zu den von auf für im auch sich dem wie aber wir sind',
    French: 'le la les et est un une des que pour dans vous ce pas qui avec sur je il nous mais plus votre sont au',
    Spanish: 'el los las y es que en un una para con por no se lo como su más pero al del este esta son tu',
    Portuguese: 'o os as e é que em um uma para com por não se como mais mas do da dos seu você são ao',
    Italian: 'il lo gli e è che in un una per con non si come più ma del della sono di questo i al tuo nel',
    Dutch: 'de het een en is dat van niet ik je met voor op te zijn er aan ook maar als wat bij om naar dit',
  }).map(([language, words]) => [language, new Set(words.split(' '))]),
)
const FEWEST_LETTERS = 12
const FEWEST_WORDS = 8
/** Share of small words, and how many times the runner-up's, from which the guess is a guess. */
const CLEAR_SHARE = 0.15
const CLEAR_LEAD = 1.5

/** The language, or null where the text is too short, mixed or mostly code to tell. */
export function guessLanguage(text: string): string | null {
  const prose = text.replaceAll(/```[\s\S]*?(?:```|$)|`[^`\n]*`|https?:\/\/\S+/g, ' ')
  const letters = prose.match(/\p{L}/gu)?.length ?? 0
  for (const [script, pattern] of SCRIPTS) {
    const own = prose.match(pattern)?.length ?? 0
    // Japanese is told by its own letters, though most of a text may be Han.
    if (own >= FEWEST_LETTERS && own / letters > (script === 'Japanese' ? 0.2 : 0.5)) return script
  }
  const words = prose.toLowerCase().match(/[\p{L}']+/gu) ?? []
  if (words.length < FEWEST_WORDS) return null
  const shares = Object.entries(SMALL_WORDS)
    .map(([language, small]) => ({ language, share: words.filter((word) => small.has(word)).length / words.length }))
    .sort((a, b) => b.share - a.share)
  const [first, second] = shares as [(typeof shares)[number], (typeof shares)[number]]
  return first.share >= CLEAR_SHARE && first.share >= CLEAR_LEAD * second.share ? first.language : null
}

/** Sides in two languages: the pair teaches the language first. */
export const languageFlip: Check = (rows) => {
  const found = findRows(rows, (row) => {
    if (!('chosen' in row)) return null
    const [chosen, rejected] = [guessLanguage(row.chosen), guessLanguage(row.rejected)]
    return chosen === null || rejected === null || chosen === rejected ? null : `chosen ${chosen}, rejected ${rejected}`
  })
  return finding('language-flip', 'warning', 'drop', found, `${countOf(found.length, 'pair')} whose sides are in two languages`)
}
