/**
 * Shapes whose dimensions may be names: one graph then serves every batch and length. A named dimension is a
 * product of factors, kept in one canonical spelling ("2*B*T"), so equal dimensions are equal strings.
 */
export type Dim = number | string
export type Shape = readonly Dim[]

export function product(dims: Shape): Dim {
  let coefficient = 1
  const names: string[] = []
  for (const dim of dims) {
    for (const factor of String(dim).split('*')) {
      const number = Number(factor)
      if (Number.isInteger(number)) coefficient *= number
      else names.push(factor)
    }
  }
  if (names.length === 0 || coefficient === 0) return coefficient
  names.sort()
  return (coefficient === 1 ? names : [String(coefficient), ...names]).join('*')
}

export function sum(dims: Shape): Dim {
  const [first] = dims
  if (first !== undefined && dims.every(dim => dim === first)) return product([dims.length, first])
  if (dims.every(dim => typeof dim === 'number')) return dims.reduce<number>((total, dim) => total + Number(dim), 0)
  return `(${dims.map(dim => String(dim).replaceAll('*', '·')).join('+')})`
}

/** Values of the names that dimensions are made of. */
export type Sizes = Readonly<Record<string, number>>

export function isSameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i])
}

/** NumPy broadcasting; undefined where two dimensions differ and neither is 1. */
export function broadcast(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length)
  const out: Dim[] = []
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1
    const y = b[b.length - rank + i] ?? 1
    if (x !== y && x !== 1 && y !== 1) return undefined
    out.push(x === 1 ? y : x)
  }
  return out
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

/** A dimension as a number. @throws where it holds a name that is not given. */
export function sizeOf(dim: Dim, names: Sizes): number {
  if (typeof dim === 'number') return dim
  if (dim.startsWith('(')) return dim.slice(1, -1).split('+').reduce((total, part) => total + sizeOf(part.replaceAll('·', '*'), names), 0)
  return dim.split('*').reduce((total, factor) => {
    const size = /^\d+$/.test(factor) ? Number(factor) : names[factor]
    if (size === undefined) throw new Error(`expected the size of dimension "${factor}", got none`)
    return total * size
  }, 1)
}
