import { type Clause, ClauseSplitter, MAX_CLAUSE } from './clause-splitter';

function split(pieces: readonly string[]): Clause[] {
  const splitter = new ClauseSplitter();
  for (const piece of pieces) splitter.push(piece);
  splitter.flush();
  const clauses: Clause[] = [];
  for (let clause = splitter.take(); clause; clause = splitter.take()) clauses.push(clause);
  return clauses;
}

const texts = (text: string) => split([text]).map((clause) => clause.text.trim());

/** Cut where a generator of tokens may cut: anywhere between characters. */
function inPieces(text: string, length: number): string[] {
  const characters = [...text];
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += length)
    pieces.push(characters.slice(at, at + length).join(''));
  return pieces;
}

const STORY =
  'Well, this is a first clause, and it goes on. Dr. Smith paid $3.50 on Jan. 5, 2024 at 3 p.m. for 1,000 pens. ' +
  'See https://example.com/a.b?c=d, e.g. the "Docs." page!\n\n- One: `foo(1. 2, 3)` runs.\n- Two… 😀 done?\n' +
  '```js\nlet x = 1;\nlet y = [2, 3]; x. y\n```\nThe U.S. economy grew. “Really?” he asked. Yes';

describe('ClauseSplitter', () => {
  it.each<[string, string, string[]]>([
    ['sentences', 'Hi there. How are you? Fine!', ['Hi there.', 'How are you?', 'Fine!']],
    [
      'the first clause at a comma',
      'When the rain stops, we will go out, and then we walk.',
      ['When the rain stops,', 'we will go out, and then we walk.'],
    ],
    ['not after too little', 'Oh, well, no. Yes, it is.', ['Oh, well, no.', 'Yes, it is.']],
    ['the first clause at a dash', 'This is the thing — you know.', ['This is the thing —', 'you know.']],
    [
      'the first clause at a word where no mark comes',
      'The committee decided to postpone the meeting because nobody had read it.',
      ['The committee decided to postpone the meeting', 'because nobody had read it.'],
    ],
    ['numbers', 'It is 3.14 or 1,000.5 here. Ok.', ['It is 3.14 or 1,000.5 here.', 'Ok.']],
    [
      'titles',
      'Dr. Smith met Mrs. J. Doe. They sat. Then left.',
      ['Dr. Smith met Mrs. J. Doe.', 'They sat.', 'Then left.'],
    ],
    ['Latin', 'Eat fruit, e.g. Apples. Or not.', ['Eat fruit, e.g. Apples.', 'Or not.']],
    ['initials', 'The U.S. Army came. It left.', ['The U.S. Army came.', 'It left.']],
    [
      'dates',
      'On Jan. 5, 2024 it began. On March 3, 2025 it was over.',
      ['On Jan. 5, 2024 it began.', 'On March 3, 2025 it was over.'],
    ],
    ['numbers of things', 'See No. 5 there. No. Not so.', ['See No. 5 there.', 'No.', 'Not so.']],
    [
      'addresses',
      'Go to www.a.com/x.y, now. Or b.org. Bye.',
      ['Go to www.a.com/x.y,', 'now.', 'Or b.org.', 'Bye.'],
    ],
    ['code', 'Use `a. B, c` here. Then `d`.', ['Use `a. B, c` here.', 'Then `d`.']],
    ['links', 'Read [the. Docs](http://a.b) now. Ok.', ['Read [the. Docs](http://a.b) now.', 'Ok.']],
    ['quotes', '“Yes!” he said. "No." She left.', ['“Yes!” he said.', '"No."', 'She left.']],
    ['an ellipsis that goes on', 'Well... maybe so. Yes.', ['Well... maybe so.', 'Yes.']],
    ['lines', 'Title\nText here\n\n- a\n- b', ['Title', 'Text here', '- a', '- b']],
    ['numbered lines', '1. First one\n2. Second one', ['1. First one', '2. Second one']],
    ['wrapped lines', 'This goes\non here.', ['This goes\non here.']],
    ['other scripts', '你好。再见！', ['你好。', '再见！']],
    ['nothing', '', []],
    ['spaces', '  \n ', ['']],
  ])('splits %s', (_name, text, expected) => {
    expect(texts(text)).toEqual(expected);
  });

  it('knows lines of code', () => {
    const clauses = split(['Look:\n```js\nlet x = 1;\nx. y\n```\nDone. Ok']);
    expect(clauses.map(({ text, isCode }) => [text.trim(), isCode])).toEqual([
      ['Look:', false],
      ['```js', true],
      ['let x = 1;', true],
      ['x. y', true],
      ['```', true],
      ['Done.', false],
      ['Ok', false],
    ]);
  });

  it.each([1, 2, 3, 5, 7, 1000])('cuts the same clauses from pieces of %i characters', (length) => {
    expect(split(inPieces(STORY, length))).toEqual(split(inPieces(STORY, 1)));
  });

  it.each([
    STORY,
    'word '.repeat(500),
    'x'.repeat(2000),
    '😀'.repeat(700),
    '`'.repeat(900),
    '[a '.repeat(400),
    ' '.repeat(1000),
    ', '.repeat(600),
    '\n'.repeat(700),
  ])('tiles the text, in bounds (%#)', (text) => {
    const clauses = split(inPieces(text, 3));
    expect(clauses.map((clause) => clause.text).join('')).toBe(text);
    let at = 0;
    clauses.forEach((clause, index) => {
      expect(clause).toMatchObject({ index, start: at, end: at + clause.text.length });
      expect(clause.text.length).toBeLessThanOrEqual(MAX_CLAUSE);
      expect(clause.text).not.toMatch(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/);
      at = clause.end;
    });
  });

  it('gives a clause once the next character shows that it is whole', () => {
    const splitter = new ClauseSplitter();
    splitter.push('It is done.');
    expect(splitter.take()).toBeNull();
    splitter.push(' ');
    expect(splitter.take()).toBeNull();
    splitter.push('N');
    expect(splitter.take()).toMatchObject({ text: 'It is done. ', start: 0, end: 12 });
    expect(splitter.take()).toBeNull();
  });

  it('ends a clause where it is flushed, and goes on after it', () => {
    const splitter = new ClauseSplitter();
    splitter.push('Half a');
    splitter.flush();
    splitter.flush();
    expect(splitter.take()).toMatchObject({ text: 'Half a', end: 6 });
    splitter.push(' sentence. Next');
    expect(splitter.take()).toMatchObject({ text: ' sentence. ', start: 6, index: 1 });
  });
});
