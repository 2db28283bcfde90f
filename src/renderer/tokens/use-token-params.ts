import { choice, optional, useParams } from '../composables/use-params.ts'

/** Which token of a pair is selected (`at=chosen.12`; `token` is the name of the key to the host), and what colours stand for. */
export const useTokenParams = () => useParams({ at: optional({ quiet: true }), shade: choice(['ratio', 'logp'], { quiet: true }) })
