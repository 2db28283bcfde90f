/** The 96 things the built-in world talks about: category, price in whole dollars, adjectives. */

export const CATEGORIES = ['dinners', 'gifts', 'activities', 'books', 'trips', 'games'] as const
export type Category = (typeof CATEGORIES)[number]

export type Item = { name: string; category: Category; price: number; adjectives: ReadonlySet<string> }

/** The four adjectives each category knows. */
export const ADJECTIVES: Record<Category, readonly [string, string, string, string]> = {
  dinners: ['vegetarian', 'spicy', 'quick', 'light'],
  gifts: ['handmade', 'practical', 'sentimental', 'techy'],
  activities: ['outdoor', 'energetic', 'social', 'creative'],
  books: ['funny', 'dark', 'short', 'historical'],
  trips: ['coastal', 'warm', 'historic', 'lively'],
  games: ['cooperative', 'strategic', 'quick', 'silly'],
}

/** One entry per item: name, price, adjectives. */
const TABLE: Record<Category, string> = {
  dinners:
    'ramen 14 quick; tacos 12 spicy/quick; chili 11 spicy; risotto 18 vegetarian; ' +
    'curry 16 vegetarian/spicy; sushi 32 quick/light; lasagna 19; falafel 9 vegetarian/quick/light; ' +
    'paella 35 spicy; pho 13 quick/light; pizza 15 vegetarian/quick; gnocchi 17 vegetarian; ' +
    'ratatouille 12 vegetarian/light; fajitas 18 spicy/quick; dumplings 11 quick; gumbo 21 spicy',
  gifts:
    'scarf 25 handmade/practical; mug 9 practical; candle 14 handmade/sentimental; earbuds 55 practical/techy; ' +
    'chocolates 18; umbrella 22 practical; locket 48 sentimental; quilt 60 handmade/practical/sentimental; ' +
    'drone 58 techy; honey 11 handmade; album 28 handmade/sentimental; wallet 35 practical; ' +
    'truffles 33; keyboard 49 practical/techy; bracelet 29 handmade/sentimental; cookies 8 handmade/sentimental',
  activities:
    'hiking 5 outdoor/energetic; pottery 28 creative; karaoke 18 energetic/social; yoga 12; ' +
    'kayaking 36 outdoor/energetic; painting 19 creative; bowling 16 energetic/social; picnic 14 outdoor/social; ' +
    'climbing 25 energetic; gardening 9 outdoor/creative; dancing 15 energetic/social; chess 4 social; ' +
    'surfing 42 outdoor/energetic; knitting 8 creative; camping 33 outdoor/social; archery 27 outdoor',
  books:
    'emma 9 funny; dracula 11 dark; dune 16; persuasion 8 historical; ' +
    'candide 7 funny/short; beloved 15 dark/historical; kindred 14 dark/historical; matilda 10 funny/short; ' +
    'ivanhoe 12 historical; rebecca 13 dark; holes 9 short; middlemarch 18 historical; ' +
    'carrie 12 dark/short; outlander 21 historical; emil 6 funny/short; shogun 24 historical',
  trips:
    'lisbon 32 coastal/warm/historic/lively; paris 55 historic/lively; venice 48 coastal/historic; oslo 52 coastal; ' +
    'rome 41 warm/historic/lively; prague 27 historic/lively; bali 24 coastal/warm; dublin 44 coastal/lively; ' +
    'cairo 19 warm/historic/lively; bergen 46 coastal; kyoto 50 historic; malta 29 coastal/warm/historic; ' +
    'naples 26 coastal/warm/historic/lively; tulum 38 coastal/warm/lively; bruges 39 historic; havana 22 coastal/warm/historic/lively',
  games:
    'catan 38 strategic; pandemic 36 cooperative/strategic; uno 7 quick/silly; codenames 18 cooperative/quick; ' +
    'azul 35 strategic; hanabi 11 cooperative/strategic/quick; scrabble 22 strategic; taboo 19 quick/silly; ' +
    'risk 32 strategic; mafia 4 quick; carcassonne 33 strategic; dixit 30 silly; ' +
    'spyfall 21 quick/silly; gloom 24 silly; coup 13 quick; arkham 52 cooperative/strategic',
}

function readTable(): Item[] {
  return CATEGORIES.flatMap((category) =>
    TABLE[category].split('; ').map((entry) => {
      const [name = '', price = '', adjectives = ''] = entry.split(' ')
      return { name, category, price: Number(price), adjectives: new Set(adjectives === '' ? [] : adjectives.split('/')) }
    }),
  )
}

/** All items, in table order. */
export const ITEMS: readonly Item[] = readTable()

export const ITEM_BY_NAME: ReadonlyMap<string, Item> = new Map(ITEMS.map((item) => [item.name, item]))

export const ITEMS_OF: Record<Category, readonly Item[]> = {
  dinners: ITEMS.filter((item) => item.category === 'dinners'),
  gifts: ITEMS.filter((item) => item.category === 'gifts'),
  activities: ITEMS.filter((item) => item.category === 'activities'),
  books: ITEMS.filter((item) => item.category === 'books'),
  trips: ITEMS.filter((item) => item.category === 'trips'),
  games: ITEMS.filter((item) => item.category === 'games'),
}
