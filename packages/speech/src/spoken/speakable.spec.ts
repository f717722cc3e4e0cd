import { speakable } from './speakable';

/** What is written, and what a person reads aloud for it. */
const SPOKEN: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  numbers: [
    ['I have 3 cats, 21 dogs and 0 fish.', 'I have three cats, twenty one dogs and zero fish.'],
    [
      'about 1,234,567 people',
      'about one million two hundred thirty four thousand five hundred sixty seven people',
    ],
    ['Pi is 3.14159, half is .5', 'Pi is three point one four one five nine, half is zero point five'],
    ['It was -3 or −40.', 'It was minus three or minus forty.'],
    ['agent 007', 'agent zero zero seven'],
    [
      'the 1st, 2nd, 3rd, 12th, 20th and 101st',
      'the first, second, third, twelfth, twentieth and one hundred first',
    ],
    [
      '1/2 cup, 3/4 inch, 2 1/2 hours, ½, 1¼',
      'one half cup, three quarters inch, two and a half hours, one half, one and a quarter',
    ],
    ['pages 3-5, 10–20 items, won 3-2', 'pages three to five, ten to twenty items, won three to two'],
    ['a ratio of 16:9', 'a ratio of sixteen to nine'],
    ['a 3x4 grid, 2x faster', 'a three by four grid, two times faster'],
    [
      '1e-5 and 6.02e23',
      'one times ten to the power of minus five and six point zero two times ten to the power of twenty three',
    ],
    ['2 + 2 = 4', 'two plus two equals four'],
    ['10 / 2 = 5 and 3 * 4 = 12', 'ten divided by two equals five and three times four equals twelve'],
    ['E = mc², x³, 2^10', 'E equals mc squared, x cubed, two to the power of ten'],
    ['H₂O and CO₂', 'H two O and CO two'],
    ['open 24/7', 'open twenty four seven'],
    ['4.5/5, 4/5 stars', 'four point five out of five, four out of five stars'],
    ['f(x) = 2x + 1', 'f x equals two x plus one'],
    ['√2 and π ≈ 3.14', 'the square root of two and pi is about three point one four'],
    ['Node 20.x, Python 3.11+', 'Node twenty point x, Python three point one one plus'],
    ['#1 fan, issue #42', 'number one fan, issue number forty two'],
    ['No. 5 is alive. No. He is not.', 'number five is alive. No. He is not.'],
    ['Chapter IV of World War II', 'Chapter four of World War two'],
    ['King Louis and Chapter Clear', 'King Louis and Chapter Clear'],
    ['Henry VIII and Louis XIV', 'Henry the eighth and Louis the fourteenth'],
    [
      '99999999999999999999',
      'nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine',
    ],
    ['٣ apples', 'three apples'],
  ],
  dates: [
    ['On March 3rd, 2024 we met.', 'On March third, twenty twenty four we met.'],
    ['Jan. 5, 2020', 'January fifth, twenty twenty'],
    ['3/4/2025 and 12/25', 'March fourth, twenty twenty five and December twenty fifth'],
    ['2024-03-05', 'March fifth, twenty twenty four'],
    ['2024-03-05T14:30:00Z', 'March fifth, twenty twenty four at fourteen thirty UTC'],
    ['5 January 1905, the 4th of July', 'the fifth of January, nineteen oh five, the fourth of July'],
    [
      'In 1800, 2005, 2010 and 1999.',
      'In eighteen hundred, two thousand five, twenty ten and nineteen ninety nine.',
    ],
    ["the 1990s, the '80s", 'the nineteen nineties, the eighties'],
    ['from 1990–1995', 'from nineteen ninety to nineteen ninety five'],
    ['May I? In May 2024.', 'May I? In May twenty twenty four.'],
    ['open Mon-Fri', 'open Monday to Friday'],
    ['Q3 2024', 'Q three twenty twenty four'],
    ['May 1st–3rd, 2024', 'May first to third, twenty twenty four'],
    ['Jan 2021–Mar 2022', 'January twenty twenty one to March twenty twenty two'],
    ["in '99, class of '05", 'in ninety nine, class of oh five'],
  ],
  times: [
    ['Meet at 14:30 or 9:05am.', 'Meet at fourteen thirty or nine oh five A.M.'],
    ['7pm, 12:00, 5:00', "seven P.M., twelve o'clock, five o'clock"],
    ['at 8:15 p.m. today', 'at eight fifteen P.M. today'],
    ['9am-5pm and 7:30–8:45', 'nine A.M. to five P.M. and seven thirty to eight forty five'],
    ["5 o'clock", "five o'clock"],
  ],
  money: [
    ['It costs $3.50, not $1.', 'It costs three dollars and fifty cents, not one dollar.'],
    ['$1,234.56', 'one thousand two hundred thirty four dollars and fifty six cents'],
    ['$0.05 or $.99', 'five cents or ninety nine cents'],
    [
      'He won $3.2 million; she has €5k.',
      'He won three point two million dollars; she has five thousand euros.',
    ],
    [
      '£2.01, ¥500, 100 USD, 5€',
      'two pounds and one penny, five hundred yen, one hundred U.S. dollars, five euros',
    ],
    ['$5/month, $10-$20', 'five dollars per month, ten to twenty dollars'],
    ['-$5', 'minus five dollars'],
    ['a $5 bill', 'a five dollar bill'],
    ['from $1.5bn to $2bn', 'from one point five billion dollars to two billion dollars'],
  ],
  units: [
    ['5 GB in 100ms at 60 mph', 'five gigabytes in one hundred milliseconds at sixty miles per hour'],
    ['1 km, 5km, 3 kg, 10 lbs', 'one kilometer, five kilometers, three kilograms, ten pounds'],
    ['-5°C, 72°F, 90°', 'minus five degrees Celsius, seventy two degrees Fahrenheit, ninety degrees'],
    ['20% off, 12.5%, 10–15%', 'twenty percent off, twelve point five percent, ten to fifteen percent'],
    [`He is 5'10" tall.`, 'He is five foot ten tall.'],
    ['20 m² and 10 m/s', 'twenty square meters and ten meters per second'],
    ['10K users, 4K video', 'ten thousand users, four K video'],
    ['5-10 min', 'five to ten minutes'],
    ['ca. 3 hrs, 2 tbsp', 'about three hours, two tablespoons'],
  ],
  abbreviations: [
    ['Dr. Smith and Mrs. Jones', 'Doctor Smith and Missus Jones'],
    ['St. Paul lives on Main St. now', 'Saint Paul lives on Main Street now'],
    ['fruit, e.g. apples, i.e. food, etc.', 'fruit, for example apples, that is food, et cetera.'],
    ['cats vs. dogs', 'cats versus dogs'],
    ['see fig. 3 on p. 7', 'see figure three on page seven'],
    ['Acme Inc. and Foo Ltd. merged', 'Acme Incorporated and Foo Limited merged'],
    ['tea w/ milk', 'tea with milk'],
  ],
  telephones: [
    ['Call 555-123-4567.', 'Call five five five, one two three, four five six seven.'],
    ['+1 (555) 123-4567', 'plus one, five five five, one two three, four five six seven'],
    ['555-1234', 'five five five, one two three four'],
  ],
  addresses: [
    ['See https://www.example.com/docs/page-1?x=2#top.', 'See example dot com slash docs slash page one.'],
    ['go to github.com/zen or example.org', 'go to github dot com slash zen or example dot org'],
    ['http://localhost:8080/health', 'localhost port eighty eighty slash health'],
    ['192.168.0.1', 'one nine two dot one six eight dot zero dot one'],
    ['Mail jane.doe@example.com now.', 'Mail jane dot doe at example dot com now.'],
    ['in /usr/local/bin', 'in slash user slash local slash bin'],
    ['~/.config/app.yaml', 'tilde slash dot config slash app dot yammel'],
    ['edit src/main.ts and package.json', 'edit source slash main dot T.S and package dot jason'],
  ],
  code: [
    ['Call `getUserById(42)` first.', 'Call get User By I.D forty two first.'],
    ['set max_retries or MAX_RETRIES', 'set max retries or max retries'],
    ['the HTTPServer and useState', 'the H.T.T.P Server and use State'],
    ['`x += 1; y == z`', 'x plus equals one, y equals z'],
    ['if x != 3 && y >= 4', 'if x is not equal to three and y is at least four'],
    [
      'Run `git commit -m "fix"` or `npm run build --watch`.',
      'Run git commit dash m fix or N.P.M run build dash dash watch.',
    ],
    ['`a - b` and `foo-bar`', 'a minus b and foo bar'],
    ['obj.doThing() works', 'obj dot do Thing works'],
    ['C++, C# and 0xFF', 'C plus plus, C sharp and hex F F'],
    [
      'v1.2.3 and version 2.0.1-beta.2',
      'version one point two point three and version two point zero point one beta two',
    ],
    ['```js\nlet x = 1;\n```', 'let x equals one;'],
  ],
  'mixed case': [
    ['iPhone 15 and eBay', 'i Phone fifteen and e Bay'],
    ['GPT-4, MP3, B2B', 'GPT four, MP three, B two B'],
    ['GitHub, YouTube, OpenAI', 'Git Hub, You Tube, Open AI'],
    ["McDonald's and MacArthur", "McDonald's and MacArthur"],
    ['NASA, PCs and URLs', 'NASA, PCs and URLs'],
    ['HELLO World', 'HELLO World'],
    ['JSON by nginx on K8s', 'jason by engine X on kubernetes'],
  ],
  markup: [
    ['**Bold** and *italic* and ~~gone~~ and __strong__', 'Bold and italic and gone and strong'],
    ['## A heading', 'A heading'],
    ['- an item', 'an item'],
    ['> quoted', 'quoted'],
    ['- [x] done', 'done'],
    ['[the docs](https://example.com/a) are good', 'the docs are good'],
    ['![a cat](cat.png) here', 'a cat here'],
    ['| a | b |', 'a, b'],
    ['<b>Hello</b> &amp; bye<br/>', 'Hello and bye'],
    ['5 * 3 stars', 'five times three stars'],
  ],
  signs: [
    ['I ❤️ pizza 🍕👍🏽!', 'I pizza!'],
    ['AT&T, R&D', 'AT and T, R and D'],
    ['A → B', 'A to B'],
    ['one thing - or two -- here', 'one thing — or two — here'],
    ['#hashtag and @user', 'hashtag hashtag and at user'],
    ['©2024', 'copyright twenty twenty four'],
    ['and/or', 'and slash or'],
    ['Wait… what?!', 'Wait… what?!'],
    ['“Yes” — she said', '“Yes” — she said'],
    ['naïve café', 'naïve café'],
    ['', ''],
    ['\u0000\u200b \ufeff', ''],
  ],
};

describe('speakable', () => {
  for (const [kind, rows] of Object.entries(SPOKEN)) {
    it.each(rows)(`${kind}: %s`, (written, said) => {
      expect(speakable(written)).toBe(said);
    });
  }

  it('reads a line of code as code', () => {
    expect(speakable('  const total = items[0].price * 2;\n', true)).toBe(
      'const total equals items zero dot price times two',
    );
  });

  it('leaves no digit, whatever comes', () => {
    const odd = [
      '1.2.3.4.5',
      '٣٫٤',
      '①②',
      'x1y2z3',
      '1-2-3-4',
      '0x',
      '9:99',
      '99/99/9999',
      '1,2,3',
      '1..2',
      '½⅝',
    ];
    for (const text of odd) expect(speakable(text)).not.toMatch(/\p{Nd}/u);
  });

  it('is quick for what is made to be slow', () => {
    const hard = [
      '('.repeat(300),
      '_a'.repeat(150),
      'a.'.repeat(150),
      '1-'.repeat(150),
      '*'.repeat(300),
      '/a'.repeat(150),
      '1,'.repeat(150),
    ];
    // Finishing is the proof: a pattern that tries again and again would not.
    for (const text of hard) expect(typeof speakable(text)).toBe('string');
  });
});
