import { eachDigit, numberWords, year } from './number-words';

/** Names that letters do not tell. */
const SAID: Readonly<Record<string, string>> = {
  json: 'jason',
  readme: 'read me',
  kubectl: 'cube control',
  sudo: 'sue doo',
  yaml: 'yammel',
  yml: 'Y.M.L',
  sql: 'S.Q.L',
  png: 'P.N.G',
  jpg: 'J.P.G',
  pdf: 'P.D.F',
  html: 'H.T.M.L',
  css: 'C.S.S',
  xml: 'X.M.L',
  csv: 'C.S.V',
  md: 'M.D',
  js: 'J.S',
  ts: 'T.S',
  py: 'P.Y',
  cpp: 'C plus plus',
  sh: 'S.H',
  exe: 'E.X.E',
  www: 'W.W.W',
  http: 'H.T.T.P',
  https: 'H.T.T.P.S',
  api: 'A.P.I',
  url: 'U.R.L',
  uri: 'U.R.I',
  id: 'I.D',
  ids: 'I.Ds',
  npm: 'N.P.M',
  usr: 'user',
  etc: 'E.T.C',
  src: 'source',
  lib: 'lib',
  bin: 'bin',
  tmp: 'temp',
  cfg: 'config',
  ctx: 'context',
  fn: 'function',
  func: 'function',
  def: 'def',
  int: 'int',
  str: 'string',
  args: 'args',
  env: 'env',
  init: 'init',
  std: 'S.T.D',
  cout: 'C out',
  io: 'I.O',
  ui: 'U.I',
  cli: 'C.L.I',
  cpu: 'C.P.U',
  gpu: 'G.P.U',
  gguf: 'G.G.U.F',
  nginx: 'engine X',
};

/** Of code, longest first; what is not here is not said. */
const OPERATORS: Readonly<Record<string, string>> = {
  '===': 'equals',
  '!==': 'is not equal to',
  '==': 'equals',
  '!=': 'is not equal to',
  '<=': 'is at most',
  '>=': 'is at least',
  '=>': 'to',
  '->': 'to',
  '++': 'plus plus',
  '+=': 'plus equals',
  '-=': 'minus equals',
  '*=': 'times equals',
  '/=': 'divided by equals',
  '&&': 'and',
  '||': 'or',
  '::': 'colon colon',
  '...': 'dot dot dot',
  '=': 'equals',
  '<': 'less than',
  '>': 'greater than',
  '+': 'plus',
  '-': 'minus',
  '*': 'times',
  '/': 'slash',
  '%': 'percent',
  '!': 'not',
  '&': 'and',
  '|': 'or',
  '.': 'dot',
  '@': 'at',
  $: 'dollar',
  '~': 'tilde',
  '?': 'question mark',
  '#': 'hash',
};
const OPERATOR = Object.keys(OPERATORS)
  .sort((a, b) => b.length - a.length)
  .map((one) => one.replace(/[.*+?^$|/[\]\\]/g, '\\$&'))
  .join('|');
const TOKEN = new RegExp(
  `--?[A-Za-z][\\w-]*|\\d+(?:\\.\\d+)*|[\\p{L}_][\\p{L}\\p{N}_]*|${OPERATOR}|[,;:]|\\s+`,
  'gu',
);

/** The words of a name in camelCase, PascalCase, snake_case or kebab-case, and its numbers. */
export function identifierWords(name: string): string {
  const words = name.match(/\p{Lu}{2,}(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lu}|\p{L}+|\d+/gu) ?? [];
  return words.map((word) => (/^\d/.test(word) ? numberWords(word) : spokenName(word))).join(' ');
}

function spokenName(word: string): string {
  const lower = word.toLowerCase();
  return Object.hasOwn(SAID, lower) ? SAID[lower]! : word;
}

/** Source code as somebody reads it aloud to a colleague: names and operators, no brackets and quotes. */
export function codeWords(code: string): string {
  const words: string[] = [];
  let before = '';
  for (const [token] of code.matchAll(TOKEN)) {
    const said = codeWord(token, before);
    if (said) words.push(said);
    before = token;
  }
  return words
    .join(' ')
    .replace(/ ([,.])/g, '$1')
    .replace(/,(?:\s*,)+/g, ',')
    .replace(/^[\s,]+|[\s,]+$/g, '');
}

function codeWord(token: string, before: string): string {
  if (/^\s/.test(token)) return '';
  if (/^--?[A-Za-z]/.test(token)) {
    // An option, a name in kebab-case, or a difference.
    const name = identifierWords(token);
    if (token.startsWith('--')) return `dash dash ${name}`;
    if (!/[\w)\]]$/.test(before)) return `dash ${name}`;
    return token.length > 2 && /\p{L}{2}$/u.test(before) ? name : `minus ${name}`;
  }
  if (/^\d/.test(token))
    return token
      .split('.')
      .map((part) => numberWords(part))
      .join(' point ');
  if (/^[\p{L}_]/u.test(token)) return identifierWords(token);
  if (token === ',' || token === ';' || token === ':') return ',';
  return OPERATORS[token] ?? '';
}

/** A host as `example dot com`, a port digit by digit. */
export function hostWords(host: string): string {
  const [name = '', port] = host.split(':');
  const isAddress = /^[\d.]+$/.test(name);
  const words = name
    .split('.')
    .map((label) => (isAddress ? eachDigit(label) : labelWords(label)))
    .join(' dot ');
  return port
    ? `${words} port ${/^[1-9]0[1-9]\d$|^[1-9]\d{3}$/.test(port) ? year(port) : numberWords(port)}`
    : words;
}

/** `my-page_2` as `my page two`; two letters that are no word are spelled. */
function labelWords(label: string): string {
  if (/^[a-z]{2}$/i.test(label) && !/^(?:me|us|be|to|in|at|it|is|my|go|no|so|do|up|co)$/i.test(label)) {
    return `${label[0]!.toUpperCase()}.${label[1]!.toUpperCase()}`;
  }
  return identifierWords(label);
}

/** `/usr/local/app.conf` as `slash user slash local slash app dot conf`. */
export function pathWords(path: string): string {
  return path
    .split(/([/\\.~:@])/)
    .filter((part) => part !== '')
    .map((part) => PATH_SIGNS[part] ?? identifierWords(part))
    .join(' ')
    .trim();
}

const PATH_SIGNS: Readonly<Record<string, string>> = {
  '/': 'slash',
  '\\': 'backslash',
  '.': 'dot',
  '~': 'tilde',
  ':': 'colon',
  '@': 'at',
};
