/** What the lint's findings are called, why they matter, and what their fix does. */
import type { FixAction, LintKind } from '../../../shared/datasets.ts'

export const lintWords: Record<LintKind, { title: string; why: string }> = {
  'identical-sides': { title: 'Sides say the same', why: 'Chosen and rejected differ in case, punctuation or white space at most. The loss has nothing to tell apart: its gradient pushes one text up and down at once.' },
  'empty-reply': { title: 'Empty reply', why: 'A side without a word teaches the policy to end at once, or to never end at once.' },
  contradiction: { title: 'Chosen here, rejected there', why: 'For the same prompt one pair rejects the reply that another chooses. Their gradients cancel; what is left is noise.' },
  'template-text': { title: 'Template text in messages', why: 'Special tokens and role headers belong to the chat template. In a message they are read as the end of a turn, or as somebody else speaking.' },
  'missing-eos': { title: 'Replies never end', why: 'This model’s template writes no end-of-sequence token after a reply. What training never shows the policy never says: it runs on to the length limit.' },
  truncation: { title: 'Cut at max_length', why: 'Training cuts both sides at the end. A cut reply has no end to learn, and where the prompt alone fills the limit the pair is left out.' },
  'personal-data': { title: 'Personal data or keys', why: 'What looks like an e-mail address, a phone or card number, an IP address or a key. A trained model can repeat it, and so can whoever gets the file.' },
  'near-identical-sides': { title: 'Sides nearly the same', why: 'Pairs that share most of their words lower the probability of both sides (Pal et al. 2024): DPO moves what they have in common, too.' },
  'length-skew': { title: 'Length skew', why: 'Where chosen replies are longer throughout, length is the easiest thing to learn, and the win rate rises for that alone.' },
  refusal: { title: 'Refusals to be learned', why: 'The reply that training makes more probable declines to answer. A few of them spread far.' },
  'language-flip': { title: 'Sides in two languages', why: 'The pair teaches which language to answer in before it teaches anything else.' },
  duplicate: { title: 'Repeated rows', why: 'A row that stands twice counts twice, and may lie on both sides of a split.' },
  'near-duplicate': { title: 'Nearly repeated rows', why: 'Rows that share 80 % of their word runs with an earlier one. They weigh a single case more heavily than it deserves.' },
}

export const fixWords: Record<FixAction, string> = { drop: 'Drop these rows', 'keep-one': 'Keep the first of each', mask: 'Mask in the text' }
