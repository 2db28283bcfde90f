/**
 * Markdown as Vue nodes: what a message says becomes text and a fixed set of elements, never HTML. Nothing is fetched;
 * links show where they lead; headings are no headings of the page's outline, which is the workbench's own.
 */
import MarkdownIt, { type Token } from 'markdown-it'
import { type FunctionalComponent, h, type VNode } from 'vue'
import { markText, type FindMarks, withTurnsShown } from './message-parts.ts'

type Nodes = (VNode | string)[]

/** Deeper lists and quotes are left out by the parser. */
const DEEPEST = 100
const md = new MarkdownIt({ html: false, linkify: false, typographer: false, maxNesting: DEEPEST })
// A definition is taken out of the text: words could hide in it.
md.disable('reference')
md.validateLink = (url) => /^(?:https?:\/\/|mailto:)/i.test(url) && URL.canParse(url)

/** A text read, and how marks are found in what it shows. */
type Reading = { tokens: Token[]; find: FindMarks }
const noMarks: FindMarks = () => []

/** Null if rendering would hide something: text nested too deep, or marks that stand where no text is shown. */
export function readMarkdown(text: string, find: FindMarks): Reading | null {
  const tokens = md.parse(text, {})
  if (tokens.some(({ level }) => level >= DEEPEST - 1)) return null
  const marks = find(text).length
  // A long message has thousands of parts: they are searched only where there is something.
  if (marks === 0) return { tokens, find: noMarks }
  return marks === textsOf(tokens).reduce((sum, part) => sum + find(part).length, 0) ? { tokens, find } : null
}

const textsOf = (tokens: readonly Token[]): string[] => tokens.flatMap((token) => (token.type === 'image' ? [token.content, addressOf(token)] : token.children ? textsOf(token.children) : [token.content]))
const addressOf = (token: Token): string => String(token.attrGet('href') ?? token.attrGet('src') ?? '')

export const RenderedMarkdown: FunctionalComponent<Reading> = ({ tokens, find }) => nodesOf(tokens, find)
RenderedMarkdown.props = ['tokens', 'find']

function nodesOf(tokens: readonly Token[], find: FindMarks): Nodes {
  const open: { token: Token; outer: Nodes }[] = []
  let nodes: Nodes = []
  for (const token of tokens) {
    if (token.nesting === 1) {
      open.push({ token, outer: nodes })
      nodes = []
    } else if (token.nesting === -1) {
      const { token: opening, outer } = open.pop()!
      outer.push(...elementOf(opening, nodes))
      nodes = outer
    } else nodes.push(...leafOf(token, find))
  }
  return nodes
}

const ELEMENTS = new Set(['blockquote', 'ul', 'ol', 'li', 'thead', 'tbody', 'tr', 'th', 'td', 'em', 'strong', 's', 'p'])

function elementOf(token: Token, inside: Nodes): Nodes {
  // A tight list's items are paragraphs only in name.
  if (token.hidden) return inside
  if (token.type === 'heading_open') return [h('p', { class: ['heading', token.tag] }, inside)]
  if (token.type === 'link_open') return [linkTo(addressOf(token), token.markup === 'autolink', inside)]
  if (token.tag === 'table') return [h('div', { class: 'wide', tabindex: 0 }, [h('table', inside)])]
  if (token.tag === 'ol') return [h('ol', { start: token.attrGet('start') ?? undefined }, inside)]
  return ELEMENTS.has(token.tag) ? [h(token.tag, inside)] : inside
}

function leafOf(token: Token, find: FindMarks): Nodes {
  switch (token.type) {
    case 'inline':
      return nodesOf(token.children ?? [], find)
    case 'softbreak':
    case 'hardbreak':
      return ['\n']
    case 'hr':
      return [h('hr')]
    case 'code_inline':
      return [h('code', marked(token.content, find))]
    case 'fence':
    case 'code_block':
      return [codeBlock(token, find)]
    case 'image':
      return [h('span', { class: 'image' }, ['Image: ', ...marked(token.content, find), ' ', h('span', { class: 'address' }, marked(addressOf(token), find))])]
    default:
      return marked(token.content, find)
  }
}

function marked(text: string, find: FindMarks): Nodes {
  return markText(text, 0, text.length, find(text)).map((part) => (part.mark ? h('span', { class: part.mark }, withTurnsShown(part.text)) : withTurnsShown(part.text)))
}

function codeBlock(token: Token, find: FindMarks): VNode {
  const language = token.info.trim().split(/\s+/)[0] ?? ''
  return h('figure', { class: 'code' }, [language === '' ? null : h('figcaption', withTurnsShown(language)), h('pre', { tabindex: 0 }, [h('code', marked(token.content.replace(/\n$/, ''), find))])])
}

/** The words may name another place than the address does: its host stands beside them. */
function linkTo(href: string, isAddress: boolean, inside: Nodes): VNode {
  const { host, pathname } = new URL(href)
  return h('a', { href, title: href, target: '_blank', rel: 'noreferrer noopener' }, isAddress ? inside : [...inside, h('span', { class: 'address' }, `(${host || pathname})`)])
}
