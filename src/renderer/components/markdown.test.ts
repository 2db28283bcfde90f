import { isVNode, type VNode } from 'vue'
import { describe, expect, it } from 'vitest'
import { findWords, type FindMarks } from './message-parts.ts'
import { readMarkdown, RenderedMarkdown } from './markdown.ts'

const none: FindMarks = () => []
/** As an outline: `p(text em(text))`; attributes in brackets. */
function show(node: unknown): string {
  if (Array.isArray(node)) return node.map(show).join(' ')
  if (!isVNode(node)) return node === null ? '' : JSON.stringify(node)
  const { class: _, tabindex: __, ...attributes } = node.props ?? {}
  const written = Object.entries(attributes).filter(([, value]) => value !== undefined).map(([name, value]) => `[${name}=${String(value)}]`).join('')
  const kind = node.props?.['class'] ? `.${[node.props['class']].flat().join(' ').replace(' ', '.')}` : ''
  return `${String(node.type)}${kind}${written}(${show(node.children ?? [])})`
}
const render = (text: string, find: FindMarks = none): string | null => {
  const reading = readMarkdown(text, find)
  return reading && show((RenderedMarkdown as (props: object) => VNode[])(reading))
}
/** Every element a text became. */
const elements = (text: string): string[] => [...new Set([...render(text)!.replace(/"(?:[^"\\]|\\.)*"/g, '').matchAll(/(\w+)[.[(]/g)].map(([, name]) => name!))].sort()

describe('markdown', () => {
  it('becomes elements', () => {
    expect(render('# A *b*\n\n1. c\n2. `d`')).toBe('p.heading.h1("A " em("b")) ol(li("c") li(code("d")))')
    expect(render('3. c\n\n> **q**\n> r')).toBe('ol[start=3](li("c")) blockquote(p(strong("q") "\\n" "r"))')
    expect(render('|a|b|\n|-|-|\n|~~c~~|d|')).toBe('div.wide(table(thead(tr(th("a") th("b"))) tbody(tr(td(s("c")) td("d")))))')
    expect(render('```js x\n1\n```')).toBe('figure.code(figcaption("js") pre(code("1")))')
    expect(render('a\n\n---\nb')).toBe('p("a") hr() p("b")')
  })

  it('is text where it is HTML, an address of another kind, a definition, or a picture', () => {
    expect(render('<b onclick="x">a</b> <!-- c -->')).toBe('p("<b onclick=\\"x\\">a</b> <!-- c -->")')
    for (const address of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java&#10;script:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'app://drift/', '/settings', '//evil.invalid', 'https://', 'blob:https://a.b/c']) {
      for (const text of [`[a](${address})`, `<${address}>`, `[a](<${address}>)`]) expect(elements(text), text).toEqual(['p'])
      expect(elements(`![a](${address})`)).toEqual(['p'])
    }
    expect(render('[//]: # (hidden)')).toBe('p("[//]: # (hidden)")')
    expect(render('![pixel](https://t.invalid/p.gif)')).toBe('p(span.image("Image: " "pixel" " " span.address("https://t.invalid/p.gif")))')
  })

  it('shows where a link leads', () => {
    const link = (href: string, inside: string): string => `p(a[href=${href}][title=${href}][target=_blank][rel=noreferrer noopener](${inside}))`
    expect(render('[bank.com](https://evil.invalid/bank.com)')).toBe(link('https://evil.invalid/bank.com', '"bank.com" span.address("(evil.invalid)")'))
    expect(render('[bank](https://bank.com@evil.invalid/)')).toContain('(evil.invalid)')
    expect(render('[аррӏе](https://аррӏе.com)')).toContain('(xn--80ak6aa92e.com)')
    expect(render('[write](mailto:a@b.org)')).toContain('(a@b.org)')
    expect(render('<https://a.org/b>')).toBe(link('https://a.org/b', '"https://a.org/b"'))
  })

  it('shows what turns the direction of text, also where it is written as an entity', () => {
    expect(render('a&#x202E;b `\u202Ec`')).toBe('p("a⟲b " code("⟲c"))')
    expect(render('[a](https://b.org/\u202Ec)')).not.toContain('\u202E')
  })

  it('keeps marks, or is not rendered where one would be hidden', () => {
    const find: FindMarks = (text) => findWords(text, 'cat')
    expect(render('the **cat** and `cat`', find)).toBe('p("the " strong(span.hit("cat")) " and " code(span.hit("cat")))')
    expect(render('the c*at*', find)).toBe('p("the c" em("at"))')
    expect(render('[it](https://cat.org)', find)).toBeNull()
    expect(render('[the cat](https://a.org) ![cat](https://a.org)', find)).not.toBeNull()
  })

  it('is not rendered where it is nested deeper than is read', () => {
    expect(render(`${'> '.repeat(20)}deep`)).toContain('deep')
    expect(render(`${'> '.repeat(200)}deep`)).toBeNull()
    expect(render(Array.from({ length: 120 }, (_, i) => `${'  '.repeat(i)}- x`).join('\n'))).toBeNull()
  })
})
