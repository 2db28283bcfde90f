/** The table of operations: total over `OpAttributes`, so a forgotten operation or gradient does not compile. */
import { elementwise } from './elementwise.ts'
import { layout } from './layout.ts'
import { linearAlgebra } from './matmul.ts'
import { network } from './network.ts'
import type { OpName, Ops } from './op.ts'
import { reductions } from './reduce.ts'
import { rows } from './rows.ts'
import { softmaxes } from './softmax.ts'

export const OPS: Ops<OpName> = { ...elementwise, ...linearAlgebra, ...layout, ...reductions, ...rows, ...network, ...softmaxes }
