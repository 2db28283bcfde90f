const FIGURES = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g

/** JSON as Python writes it, with null for figures that are not finite (NaN, Infinity, -Infinity): JSON has none. Texts in quotes stay. */
export const nullFigures = (text: string): string => text.replace(FIGURES, (token) => (token.startsWith('"') ? token : 'null'))
