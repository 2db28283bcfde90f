/**
 * What a message does, as patterns: acts of the user's message and of the assistant's before it. They say nothing of
 * satisfaction by themselves; the classifier weighs each, and each pair of a user's and an assistant's act. Messages are
 * read in lower case.
 */
export type Act = { name: string; pattern: RegExp }

const act = (name: string, pattern: string): Act => ({ name, pattern: new RegExp(pattern) })

/** Few enough to be crossed with every assistant act. */
export const USER_ACTS: readonly Act[] = [
  act('no', '^\\W*(no|nope|nah|not)\\b'),
  act('yes', '^\\W*(yes|yeah|yep|yup|yea|sure|correct|right|ok|okay|exactly|absolutely|definitely|of course|i do|i have|i did)\\b'),
  act('negation', "\\b(not|never|nothing|none|cannot|neither|nor|without)\\b|n't\\b|\\b(dont|didnt|doesnt|isnt|cant|wont|havent|wasnt)\\b"),
  act('rejects', "\\b(never ?mind|not now|not yet|not right now|hold off|leave it|skip|forget it|maybe later|don't need|do not need|not interested|no need|changed my mind)\\b"),
  act('dislikes', "\\b(don't|do not|didn't|did not|dont|didnt|doesn't|never|not) (really |even |quite |particularly |actually )*(like|love|enjoy|care|want|into|a fan|a big fan|fond)\\b|\\b(hate[ds]?|dislike[ds]?|boring|terrible|awful|horrible|worst|bad|stupid|dumb|annoying|hated|sucks?)\\b"),
  act('unknown', "\\b(never (seen|heard|watched|been)|(haven't|have not|havent) (seen|heard|watched|been)|don't (know|think|remember)|not (sure|familiar)|no idea|do not know|dont know|unsure)\\b"),
  act('replaces', '\\b(actually|instead|rather|i meant|i mean|make (it|that)|change|switch|different|another|other|else|prefer)\\b'),
  act('again', '\\b(again|another try|retry|re-?check|double check|are you sure|once more|still|already|repeat|as i said|i said|i told)\\b'),
  act('too', '\\btoo \\w+|\\b(cheaper|earlier|later|closer|better|less|more)\\b'),
  act('wrong', "\\b(wrong|mistake|mistaken|confus\\w+|incorrect|error|misunderst\\w+|not what|that's not|that isn't|thats not|typo|oops|sorry)\\b"),
  act('why', '\\b(why|how come)\\b'),
  act('but', '\\b(but|however|although|though)\\b'),
  act('only', '\\b(just|only|at least|any|anything|nothing)\\b'),
  act('question', '\\?'),
  act('exclaims', '!'),
  act('thanks', '\\b(thank|thanks|thx|appreciate|cheers)'),
  act('praises', '\\b(great|good|perfect|awesome|love|loved|excellent|nice|wonderful|amazing|fantastic|cool|sounds|works|fine|enjoyed|liked|favorite)\\b'),
  act('closes', "\\b(bye|goodbye|that's all|that is all|that will be all|have a|take care|all i need)\\b"),
  act('requests', '\\b(please|can you|could you|would you|i need|i want|i would like|i\'d like|looking for|find|book|help)\\b'),
  act('informs', '^\\W*(i|my|we|it|its|it\'s|the|for|in|at|on|from|to)\\b'),
  act('figure', '\\d'),
]

/** Acts that make an earlier message count as a complaint. */
export const COMPLAINTS: ReadonlySet<number> = new Set(USER_ACTS.flatMap(({ name }, i) => (name === 'no' || name === 'dislikes' ? [i] : [])))

export const ASSISTANT_ACTS: readonly Act[] = [
  act('asks', '\\?\\s*$'),
  act('apologises', "\\b(sorry|apolog\\w+|unfortunately|i'm afraid|regret)\\b"),
  act('fails', "\\b(unable|couldn't|could not|can't|cannot|wasn't able|not available|unavailable|no \\w+ (available|found|match\\w*)|there (are|is) no|aren't any|isn't any|don't have|didn't find|did not find|not find|failed|unsuccessful|doesn't|do not|none|no luck)\\b"),
  act('confirms', '\\b(confirm|please confirm|correct\\?|is that (right|correct|ok)|shall i|should i|want me to|would you like me to|do you want me)\\b'),
  act('offers', '\\b(how about|what about|i recommend|i would recommend|i\'d recommend|i suggest|suggest|have you seen|you (might|may|should|could)|there is|there are|i have|i found|found|options?)\\b'),
  act('asks slot', '^\\W*(what|which|when|where|who|how (many|much|long)|for how|in which|do you (have|prefer|want|need)|any preference)\\b|\\b(what (time|day|date|city|area|kind|type|price)|which (city|area|day|date|time)|how many)\\b'),
  act('asks why', '\\b(why|what (did|do|made) you|what was it|how come|what about (it|that))\\b'),
  act('asks dislike', "\\b(dislike|didn't|not like|don't like|do not like|hate|least|worst)\\b"),
  act('asks like', '\\b(do you like|did you like|favorite|enjoy|like about|liked)\\b'),
  act('asks seen', '\\b(have you (seen|heard|watched)|did you (see|watch)|seen)\\b'),
  act('anything else', "\\b(anything else|something else|what else|else (can|may|could)|help you with|assist you|need anything|further)\\b"),
  act('books', '\\b(booked|booking|reserved|reservation|reference number|success\\w*|confirmed|scheduled|tickets?)\\b'),
  act('chats', '\\b(hi|hello|hey|thanks|thank you|welcome|bye|great|good|nice|cool|awesome|glad|enjoy|lol|haha)\\b'),
  act('claims', "\\b(i think|i love|i like|i've|i have seen|i haven't|i don't|my favorite|i saw)\\b"),
  act('figure', '\\d'),
]
