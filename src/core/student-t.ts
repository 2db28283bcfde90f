/** Student's t distribution, for degrees of freedom that need not be whole. Pure. */

/** Upper tail P(T > t), t at least 0: half the regularized incomplete beta function at df / (df + t^2). */
export function tTail(t: number, df: number): number {
  const x = df / (df + t * t)
  // The fraction converges on the left of the distribution's mean; on its right the other end is computed.
  return 0.5 * (x < (df / 2 + 1) / (df / 2 + 2.5) ? betaFraction(x, df / 2, 0.5) : 1 - betaFraction(1 - x, 0.5, df / 2))
}

/** The t whose upper tail is `tail` (below one half), by bisection. */
export function tQuantile(tail: number, df: number): number {
  let [low, high] = [0, 1]
  while (tTail(high, df) > tail) high *= 2
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (tTail(middle, df) > tail) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** I_x(a, b) by its continued fraction, evaluated by Lentz's method (Abramowitz and Stegun 26.5.8). */
function betaFraction(x: number, a: number, b: number): number {
  if (x === 0) return 0
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a
  let [c, d, value] = [1, 0, 1]
  for (let step = 1; step < 500; step++) {
    const m = step >> 1
    const term = step % 2 === 0 ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)) : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / (1 + term * d || Number.MIN_VALUE)
    c = 1 + term / c || Number.MIN_VALUE
    value *= c * d
    if (Math.abs(1 - c * d) < 1e-15) break
  }
  return front / value
}

/** Stirling's series, from where it is exact to double precision. */
function logGamma(x: number): number {
  if (x < 12) return logGamma(x + 1) - Math.log(x)
  const y = 1 / (x * x)
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188)))) / x
}
