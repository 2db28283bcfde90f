/** Terms of the field as the interface explains them: formula where there is one, and the source. */
export const definitions = {
  dsat: 'Dissatisfaction: the user’s next message shows that the reply did not do what was asked (a correction, a repeated request, a complaint).',
  sat: 'Satisfaction: the user’s next message shows that the reply did what was asked (thanks, or building on it).',
  margin: 'Reward margin: β·[(log π(chosen) − log π_ref(chosen)) − (log π(rejected) − log π_ref(rejected))], per pair. TRL’s rewards/margins.',
  logps: 'Log-probability of a whole reply under a model: the sum over its tokens, prompt tokens left out.',
  beta: 'β of DPO (Rafailov et al. 2023): how far the policy may move from its reference for the same margin.',
  chosen: 'The reply of a pair that training makes more probable. DRIFT samples it from the current policy.',
  rejected: 'The reply of a pair that training makes less probable. DRIFT takes it from the log: the reply a user was dissatisfied with.',
  policy: 'The model being trained; its samples are the chosen replies of the next round.',
  reference: 'The model the policy is measured against in the loss; it stays as it is during a round.',
  coverage: 'Share of the known solution space that passing samples reach.',
  decider: 'Who gave the label: a person, the data itself (imported), or a detector with its version. A person wins over every other.',
  precision: 'Of the turns the rules call dissatisfied, the share that the other labels call dissatisfied too: TP / (TP + FP).',
  recall: 'Of the turns the other labels call dissatisfied, the share that the rules find: TP / (TP + FN).',
  f1: 'Harmonic mean of precision and recall: 2PR / (P + R).',
  quarantine: 'Rows of an import that could not be read as conversations: kept as they are, with the reason, and never guessed at.',
  'LC win rate': 'Length-controlled win rate (AlpacaEval 2): the win rate a logistic model predicts at equal lengths.',
} as const
export type Term = keyof typeof definitions
