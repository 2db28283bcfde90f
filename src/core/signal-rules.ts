/**
 * The rules of the rules detector: what users write when a reply pleased or displeased them, by rubric sign
 * (the nine signs of each side in WildFeedback's rubric). Weights are log odds, set by hand for chat logs;
 * `docs/log.md` has what they reach on labelled data. Raise `RULES_VERSION` with every change of meaning.
 */
export const RULES_VERSION = '1'

export const DISSATISFIED_SIGNS = [
  'negative feedback', 'revision asked', 'factual error', 'unrealistic expectation', 'no engagement',
  'instruction ignored', 'low quality', 'too little detail', 'style or format',
] as const
export const SATISFIED_SIGNS = [
  'gratitude', 'learned something', 'followed the suggestion', 'praise', 'personal detail', 'humour',
  'acknowledgment', 'positive closing', 'getting there',
] as const
export type Sign = (typeof DISSATISFIED_SIGNS)[number] | (typeof SATISFIED_SIGNS)[number]

/**
 * `answer`: words that also answer an assistant's question plainly; they count less after one.
 * `within`: counts only in messages of at most so many characters; in longer ones the words belong to a new task.
 */
export type Rule = { sign: Sign; weight: number; pattern: RegExp; answer?: true; within?: number }

/** Interjections that may stand before what an anchored rule looks for. */
const LEAD = '^\\s*(?:(?:hm+|no|sorry|ugh|well|oh|ok|okay|but|um|uh|hey|please|yeah|yes|thanks|thank you)[\\s,.!…-]+)*'
const rule = (sign: Sign, weight: number, pattern: string, options: Pick<Rule, 'answer' | 'within'> = {}): Rule => ({ sign, weight, pattern: new RegExp(pattern.replaceAll('^LEAD', LEAD), 'i'), ...options })
const answer = { answer: true } as const
const SHORT = 120
const short = { within: SHORT }
const brief = { within: 160 }

export const DISSATISFIED_RULES: readonly Rule[] = [
  rule('negative feedback', 3.6, "\\b(not|n't|isn't) (very |really |at all |that |so )?(helpful|useful|good|great|satisf\\w+|happy|impressed|acceptable|working|what i need(ed)?)\\b"),
  rule('negative feedback', 3.6, '\\b(unhelpful|useless|terrible|awful|horrible|disappoint(ed|ing)|frustrat(ed|ing)|annoy(ed|ing)|ridiculous|pathetic|garbage|rubbish|stupid|you suck|this sucks|wtf|waste of (my )?time|what a mess|quite a mess)\\b'),
  rule('negative feedback', 2.6, "\\b(don't|do not|didn't|did not|doesn't|never) (really |even |quite )?(like|love|want (this|that|these|those|it)|enjoy|care for)\\b|\\b(hate|dislike|not a fan|not (really )?(into|interested|my (thing|type|kind|style)))\\b", answer),
  rule('negative feedback', 2.8, '(^|[.!?] )(ugh|come on|seriously|oh no|aww?|sigh)\\b'),
  rule('negative feedback', 1.6, "\\b(unfortunately|too bad|that's a shame|bummer)\\b"),
  rule('revision asked', 3.4, '\\b(try|do|write|answer|reply|explain|generate|make|say) (it |that |this |them )?(all )?(again|over)\\b|\\bonce again\\b|\\b(redo|rewrite|rephrase|regenerate|revise)( it| this| that| them| your \\w+| the (answer|reply|response|list))?\\s*($|[.,!?])'),
  rule('revision asked', 3.2, '\\b(do|did|be) (any )?better\\b|\\bbetter (answer|reply|response|one|version)\\b|\\bimprove[ds]? (it|this|that|your|the|reply|answer)\\b|\\b(fix|correct) (it|this|that|these|your|the)\\b', short),
  rule('revision asked', 2.7, '^LEADactually\\b', answer),
  rule('revision asked', 1.9, '\\b(actually|instead|rather)\\b', { ...answer, ...short }),
  rule('revision asked', 2.7, "^LEAD(could|can) (they|it|these|those|this) be\\b|\\bcould you avoid\\b|\\b(i'd|i would) (prefer|rather)\\b|^LEADand not\\b|^LEAD(make|change) (it|them|this|that|these)\\b"),
  rule('revision asked', 3.0, '\\b(too|over) (expensive|pricey|early|late|far|big|small|much|many|few|hard|easy|difficult|complicated|complex|simple|slow|costly|my budget)\\b|\\b(costs?|cost) too\\b|\\b(over|above|beyond|not in|outside) (my|the|our) (budget|price)\\b'),
  rule('revision asked', 2.7, "\\b(can't|cannot|can not|don't want to) (spend|afford|pay)\\b|\\b(cheaper|smaller|closer|easier|simpler) (ones?|options?|please)\\b"),
  rule('revision asked', 2.0, '\\b(something|anything|someone|another) (else|different|other|one|option|place|version|way)\\b|\\b(other|different|more) (options?|ones?|suggestions?|recommendations?|ideas?)\\b', answer),
  rule('revision asked', 2.7, "\\bno \\w+ ones\\b|\\bneeds? to be\\b|\\b(i )?need exactly\\b", short),
  rule('factual error', 3.4, "\\b(is|are|was|were|that's|it's|this's|you're|you are|you got|still|got it|completely|totally|just|the) (completely |totally |just |all |still |clearly )?(wrong|incorrect|false|mistaken|inaccurate|untrue)\\b|^LEAD(wrong|incorrect|false)\\b", { within: 200 }),
  rule('factual error', 2.8, "\\b(mistakes?|made (it|that|this) up|hallucinat\\w+|not (true|correct|right|accurate|a real)|misunderst\\w+|misread|confus(ed|ing))\\b"),
  rule('factual error', 3.1, "\\b(that|this|it|these|those|they|one|some|there|[a-z]+) (isn't|aren't|wasn't|weren't)\\b|\\b(that|this|it|these|those|they|\\w+) (is|are) not\\b|\\b(some|one|half|most) of (these|them|those) (are|is|aren't)\\b", short),
  rule('factual error', 2.8, "^LEAD(isn't|aren't|wasn't|is|are) [^?]{1,25} really\\b[^?]{0,20}\\?|^LEAD(isn't|aren't|wasn't) [^?]{1,40}\\?", short),
  rule('factual error', 2.8, '^LEAD\\w+ is \\w+ ?!'),
  rule('unrealistic expectation', 2.6, "\\bwhy ((can't|cant|won't|don't|didn't) you (just |ever )?(do|give|answer|tell|help|follow|listen|write|show|use|make|read)|isn't (this|that|it)|aren't (they|these|those)|are you not|can you not|would you)\\b|\\bi thought you (could|can|were)\\b|\\byou should (be able|know|have)\\b"),
  rule('no engagement', 2.6, '\\b(never ?mind|forget (it|about it|that)|whatever|not now|not yet|not right now|hold off|leave it|skip (it|that)|stop (it|that|doing|saying|adding|giving)|i give up|changed my mind|cancel)', { ...answer, ...short }),
  rule('no engagement', 2.4, "\\b(i )?(don't|do not|didn't|did not|not) (need|want|asked? for|looking)\\b", { ...answer, ...short }),
  rule('instruction ignored', 3.8, "\\b(that's|thats|that is|this is|these are|those are|it's|its) not (what|the|how|a|an|\\d|one|two|three|four|five)|\\bnot what\\b|\\bnot (the one|anything like)\\b"),
  rule('instruction ignored', 3.4, "\\bi (already |just |clearly |explicitly |specifically )*(asked|told you|requested|specified|mentioned|repeat)\\b|^LEADi (just |already |clearly )*(said|meant|wanted)\\b|\\bi (said|meant|wanted) (no|nothing|more|only|just|an?|the|you to|bullets?|numbers?|plain|\\w+ only|\\w+\\.)"),
  rule('instruction ignored', 3.2, "\\bas i (said|asked|mentioned|wrote)\\b|\\bi asked\\b|^LEADagain[:,]|\\blike i said\\b"),
  rule('instruction ignored', 3.6, "\\b(you|u) (ignored|forgot|missed|skipped|omitted|left out|gave me|keep|kept|failed|changed|still|repeated|only (gave|listed|wrote|answered|did))\\b|\\byou (didn't|did not|don't|aren't|haven't|are not|never) (even |really )?(read|listen|answer|follow|include|do|give|use|understand|finish|address|mention|provide|listening|getting|answered|addressed|followed)"),
  rule('instruction ignored', 3.6, '\\b(did|do|can) you (even |actually )?(read|listen|understand)\\b|\\bread (my|the) (message|request|question|prompt|instructions?|text)\\b|\\bread (it|that) again\\b'),
  rule('low quality', 3.0, "\\b(nonsense|gibberish|irrelevant|off[- ]topic|generic|vague|boring|bland|cliché|cliche|repetitive|repeat(ed|ing) yourself|makes? no sense|doesn't make sense|does not make sense|not relevant|broken|doesn't work|does not work|didn't work|won't work|not work(ing)?|gives? (me )?(an )?errors?|poor)\\b"),
  rule('too little detail', 3.0, "\\bmore (detail|details|detailed|specific|depth|in total)\\b|\\btoo (short|brief|vague|general|shallow)\\b|\\b(not|isn't) (long|detailed|specific|enough)\\b|\\b(elaborate|expand)( on)? (it|this|that|these|your|more|further|please)\\b|^LEAD(elaborate|expand)\\W*$|\\b(be more specific|go deeper)\\b|^LEADonly \\w+ ?\\?|\\bi (wanted|want|need) more\\b|^LEAD(longer|more)\\b[^?]{0,12}$", answer),
  rule('style or format', 3.1, '\\b(too|so|less|more) (casual|formal|long|wordy|verbose|stiff|cold|robotic|friendly|professional|serious|polite|dry|chatty|warm|concise|natural|human)\\b|\\b(wrong|bad) (format|layout|style|tone|language)\\b|\\bfix the (layout|format\\w*|style)\\b|\\bless (talk|chatter|text|words?)\\b'),
  rule('style or format', 2.8, "\\b(please use|use|wanted|want|need|be) (a |an |the )?(bullets?|bullet points|numbers|numbered list|sentence|plain text|formal|professional|list|paragraphs?)\\b|\\b(a bit|a little|slightly) (\\w+er|more|less)\\b|\\bsound (\\w+er|more|less)\\b|\\b(felt|sounds?|feels?) (cold|stiff|off|weird|robotic|fake)\\b", { ...answer, within: 200 }),
  rule('style or format', 2.8, "\\b(skip|drop|without|no|don't need|cut) (the |any |that )?(chatter|chit-?chat|intro\\w*|preamble|fluff|small talk|explanation|disclaimers?)\\b|\\bjust (the|give|\\w+) ?(answer|list|code|me the|please)\\b|^LEAD(shorter|shorten|longer|simpler|simplify|condense|more concise|warmer|nicer)\\b|\\b(shorter|longer|simpler|warmer|nicer) please\\b|\\b(make|be|sound|keep|write)( it| this| that| them)? (a bit |a little |much )?(shorter|longer|simpler|concise|warmer|nicer)\\b", { ...answer, within: 200 }),
  // Weak signs: not enough alone, they order what is left and add to others.
  rule('negative feedback', 2.1, '^\\s*(no|nope|nah)\\b', answer),
  rule('negative feedback', 0.7, "\\b(not|n't|never|nothing|none|cannot)\\b|n't\\b"),
  rule('negative feedback', 0.4, '\\bbut\\b'),
]

export const SATISFIED_RULES: readonly Rule[] = [
  // After a question, a please or a longer text, thanks are a courtesy to what is asked there.
  rule('gratitude', 3.0, '\\b(?=th|ty|cheers|much|apprec|grateful)(?<!.{50}|\\?.*|\\bplease\\b.*)(thanks?|thank you|thankyou|thx|tysm|ty|cheers|much appreciated|appreciate (it|that|this|you|the|your)|grateful)\\b'),
  rule('praise', 3.0, "(?<!not |n't |isn't |no |so )\\b(perfect(ly)?|awesome|excellent|amazing|wonderful|fantastic|brilliant|great|love (it|this|that|these|them)|well done|good (job|list|work|answer|one|idea|suggestions?)|nice|exactly (what|right|it)|(very |really |so )helpful|beautiful|impressive|cool)\\b", brief),
  rule('praise', 2.6, "\\b(that|this|it|which|these) (really |definitely |totally )?(helps?( a lot)?|helped|works?( (great|well|perfectly|for me))?|worked|is (good|right|correct|fine|perfect|great))\\b|\\b(sounds?|looks?) (good|great|perfect|fine|like a plan|nice)\\b", brief),
  rule('learned something', 2.2, "\\b(i see\\b|interesting|didn't know|good to know|i learned|now i (understand|get it|see)|makes (perfect |more |a lot of )?sense|that explains|fascinating|ah,? ok)", brief),
  rule('followed the suggestion', 2.0, "\\b(i'll (try|take|go with|do|check|watch|use)|i will (try|take|go with|check|watch|use|have to)|let's (go|do|try|book)|i tried (it|that|this) and|i did (it|that))\\b", brief),
  rule('acknowledgment', 1.6, "^\\s*(yes|yeah|yep|yup|ok|okay|sure|right|correct|got it|understood|alright|fine|good|true|agreed|absolutely|definitely)\\b"),
  rule('humour', 1.4, '\\b(haha+|lol|lmao|hehe)\\b|😂|🤣'),
  rule('positive closing', 2.2, "\\b(good ?bye|bye|have a (good|great|nice)|take care|see you|that's all|that is all|that will be all|good night|enjoy your)\\b", brief),
  rule('getting there', 2.0, "\\b((much |a lot |way )better|almost (there|perfect)|getting (there|closer|better)|closer|an improvement|now it works)\\b", brief),
]

/** Assistant replies that tend to displease before the user says a word. */
export const FAILURE_RULES: readonly { weight: number; pattern: RegExp }[] = [
  { weight: 0.7, pattern: /\b(i'm sorry|i am sorry|my apologies|i apologi[sz]e|unfortunately|i'm afraid)\b/i },
  { weight: 0.6, pattern: /\b(unable to|couldn't|could not|can't|cannot|wasn't able|not available|unavailable|no \w+ (available|found|match\w*)|don't have (any|access)|as an ai)\b/i },
]

/** A question about something else: what would be a sign counts less in it. "What a mess" and "how come" are none. */
export const OPENS_TASK = /^\s*(?:what(?! a\b| an\b| the\b|\?)|how(?! come\b| is (?:that|this)\b)|who|where|when|which|whose)\b/i
