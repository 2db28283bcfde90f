import { choice, optional, useParams } from '../composables/use-params.ts'

/** Which token of a pair, and what its colour stands for. */
export const useTokenParams = () => useParams({ token: optional({ quiet: true }), shade: choice(['ratio', 'logp'], { quiet: true }) })
