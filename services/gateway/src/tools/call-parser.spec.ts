import { CallParser, type Parsed } from './call-parser';

const NAMES = new Set(['weather', 'add']);
const call = (name: string, args: string, space = '\n') =>
  `<tool_call>${space}{"name": "${name}", "arguments": ${args}}${space}</tool_call>`;

/** What an answer that comes in these pieces turns out to be. */
function parse(pieces: readonly string[], mostCalls = 128): Parsed {
  const parser = new CallParser({ names: NAMES, mostCalls });
  const parts = [...pieces.map((piece) => parser.push(piece)), parser.finish()];
  return { text: parts.map(({ text }) => text).join(''), calls: parts.flatMap(({ calls }) => calls) };
}

const WEATHER = { name: 'weather', arguments: '{"city": "Kiel"}' };
const CASES: [string, string, Parsed][] = [
  ['plain text', 'a < b, <tool> and  \n', { text: 'a < b, <tool> and  \n', calls: [] }],
  ['nothing', '', { text: '', calls: [] }],
  ['a call', call('weather', '{"city": "Kiel"}'), { text: '', calls: [WEATHER] }],
  ['a call without space', call('weather', '{"city": "Kiel"}', ''), { text: '', calls: [WEATHER] }],
  [
    'text before and after',
    `I look.\n\n${call('weather', '{"city": "Kiel"}')}\nDone. `,
    { text: 'I look.\nDone.', calls: [WEATHER] },
  ],
  [
    'several calls',
    `${call('add', '{"a":1}')}\n${call('weather', '{"city": "Kiel"}')}\n\n${call('add', '{}')}\n`,
    { text: '', calls: [{ name: 'add', arguments: '{"a":1}' }, WEATHER, { name: 'add', arguments: '{}' }] },
  ],
  [
    'braces, quotes and tags in strings',
    call('add', '{"s":"}{ \\" ]</tool_call>\\\\","t":[{"u":"<tool_call>{"}]}'),
    {
      text: '',
      calls: [{ name: 'add', arguments: '{"s":"}{ \\" ]</tool_call>\\\\","t":[{"u":"<tool_call>{"}]}' }],
    },
  ],
  [
    'unicode and its escapes',
    '<tool_call>{"name":"\\u0061dd","arguments":{"s":"\\ud83d\\ude00 \\u00e9 😀"}}</tool_call>',
    { text: '', calls: [{ name: 'add', arguments: '{"s":"\\ud83d\\ude00 \\u00e9 😀"}' }] },
  ],
  [
    'numbers as they are written',
    call('add', '{"id": 12345678901234567890, "x": 1.0}'),
    { text: '', calls: [{ name: 'add', arguments: '{"id": 12345678901234567890, "x": 1.0}' }] },
  ],
  [
    'members in any order, the last of each',
    '<tool_call>{"arguments":{"name":"no"},"id":7,"arguments":{"a":[1,{"b":2}]},"name":"add"}</tool_call>',
    { text: '', calls: [{ name: 'add', arguments: '{"a":[1,{"b":2}]}' }] },
  ],
  [
    'arguments as text, null and none',
    `${call('add', '"{\\"a\\":1}"')}${call('add', 'null')}<tool_call>{"name":"add"}</tool_call>`,
    {
      text: '',
      calls: ['{"a":1}', '{}', '{}'].map((text) => ({ name: 'add', arguments: text })),
    },
  ],
  [
    'no closing tag',
    '<tool_call>\n{"name": "add", "arguments": {}}',
    { text: '', calls: [{ name: 'add', arguments: '{}' }] },
  ],
  [
    'a tag in front of the tag',
    `<tool_call>\n${call('add', '{}')}`,
    { text: '<tool_call>\n', calls: [{ name: 'add', arguments: '{}' }] },
  ],
  [
    'a fence instead of the tag, as Qwen2.5-Coder writes it',
    '```json\n{\n  "name": "weather",\n  "arguments": {"city": "Kiel"}\n}\n```',
    { text: '', calls: [WEATHER] },
  ],
  [
    'several in fences, then text',
    '```json\n{"name":"add","arguments":{}}\n{"name": "weather", "arguments":{"city": "Kiel"}}\n```\n```\n{"name":"add","arguments":{"a":"```"}}\n```\n\nI wait.',
    {
      text: '\n\nI wait.',
      calls: [{ name: 'add', arguments: '{}' }, WEATHER, { name: 'add', arguments: '{"a":"```"}' }],
    },
  ],
  [
    'neither tag nor fence',
    '\n{"name": "add", "arguments": {"a": 1}}\n{"name": "weather", "arguments": {"city": "Kiel"}}\n Done',
    { text: '\n Done', calls: [{ name: 'add', arguments: '{"a": 1}' }, WEATHER] },
  ],
  [
    'a tag after a call without one',
    `{"name": "add", "arguments": {}}\n${call('weather', '{"city": "Kiel"}')}`,
    { text: '', calls: [{ name: 'add', arguments: '{}' }, WEATHER] },
  ],
];

/** Whatever is no right call stays text to the letter. */
const TEXTS: [string, string][] = [
  ['malformed JSON', ` x ${call('add', '{"a":}')} y`],
  ['a missing quote', call('add', '{"a: 1}')],
  ['an unknown tool', call('subtract', '{}')],
  ['no name', '<tool_call>{"arguments": {}}</tool_call>'],
  ['a name that is no text', '<tool_call>{"name": 1}</tool_call>'],
  ['arguments that are no object', call('add', '[1]')],
  ['arguments as text that is no object', call('add', '"1"')],
  ['brackets that do not match', call('add', '{"a":[1}}')],
  ['no JSON', '<tool_call>add(1, 2)</tool_call>'],
  ['an answer that breaks off in the call', 'so \n<tool_call>\n{"name": "add", "argu'],
  ['an answer that breaks off in the tag', 'so \n<tool_ca'],
  ['a fence after text', 'So:\n```json\n{"name": "add", "arguments": {}}\n```'],
  ['a fence of another tool', '```json\n{"name": "subtract", "arguments": {}}\n```\n'],
  ['a fence that breaks off', '```json\n{"name": "add", "argum'],
  ['an object that says more than a call', ' {"name": "add", "arguments": {}, "age": 7}'],
  ['an object without arguments', '{"name": "add"}'],
  ['bare arguments as text', '{"name": "add", "arguments": "{}"}'],
  ['another object', '{"names": ["add"]} and'],
  ['code', '```js\n{"name": "add", "arguments": {}}\n```'],
  ['white space for long', `${' '.repeat(300)}{"name": "add", "arguments": {}}`],
  ['JSON too deep', call('add', `{"a":${'['.repeat(200)}${']'.repeat(200)}}`)],
  ['a call too long', call('add', `{"a":"${'x'.repeat(300_000)}"}`)],
];

describe('CallParser', () => {
  test.each(CASES)('%s', (_, text, expected) => {
    expect(parse([text])).toEqual(expected);
  });

  test.each(TEXTS)('stays text: %s', (_, text) => {
    const parsed = parse([text]);
    expect(parsed.calls).toEqual([]);
    expect(parsed.text === text).toBe(true);
  });

  const all = [...CASES, ...TEXTS.slice(0, -1)].map(([name, text]) => [name, text] as const);
  test.each(all)('wherever it is cut: %s', (_, text) => {
    const whole = parse([text]);
    expect(parse([...text])).toEqual(whole);
    // By UTF-16 units, so through the middle of characters too.
    for (let at = 0; at <= text.length; at++) {
      expect(parse([text.slice(0, at), text.slice(at)])).toEqual(whole);
    }
  });

  test('shows text at once that cannot be a tag, and a call with its last brace', () => {
    const parser = new CallParser({ names: NAMES, mostCalls: 128 });
    expect(parser.push('Yes <b').text).toBe('Yes <b');
    expect(parser.push('r> <to').text).toBe('r>');
    expect(parser.push('ol_call>{"name":"add","arguments":{}')).toEqual({ text: '', calls: [] });
    expect(parser.push('}').calls).toHaveLength(1);
  });

  test('goes on after a call that was none', () => {
    const bad = call('add', '{"a":}');
    expect(parse([bad + call('add', '{}')])).toEqual({
      text: bad,
      calls: [{ name: 'add', arguments: '{}' }],
    });
  });

  test('drops what follows the last call that may be', () => {
    const answer = `a ${call('add', '{}')} b ${call('weather', '{}')} c`;
    expect(parse([answer], 1)).toEqual({ text: 'a', calls: [{ name: 'add', arguments: '{}' }] });
  });

  test('reads a long hostile answer once', () => {
    const { text, calls } = parse(['<tool_call>{"'.repeat(200_000)]);
    expect(text).toHaveLength(13 * 200_000);
    expect(calls).toEqual([]);
  });
});
