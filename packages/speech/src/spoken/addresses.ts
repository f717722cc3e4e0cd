import { codeWords, hostWords, identifierWords, pathWords } from './code-words';
import { eachDigit, numberWords } from './number-words';
import type { Rule } from './rule';

const TOP =
  'com|org|net|edu|gov|io|dev|ai|co|uk|de|fr|eu|ch|info|biz|us|ca|au|me|app|tv|ly|cloud|sh|in|xyz|gg|to';
const EXTENSION =
  'json|yaml|yml|toml|md|txt|csv|tsv|pdf|docx?|xlsx?|pptx?|png|jpe?g|gif|svg|webp|html?|css|scss|jsx?|tsx?|mjs|cjs|py|rs|go|java|kt|cpp|cc|hpp|h|c|rb|php|sh|sql|xml|ini|conf|cfg|log|lock|env|zip|tar|gz|exe|dll|so|wav|mp3|mp4|gguf|onnx|proto|ipynb';

/** The sentence's own marks at an address's end do not belong to it. */
function trimmed(found: string): [string, string] {
  const tail = /[.,;:!?)\]}'"”’]*$/.exec(found)![0];
  return [found.slice(0, found.length - tail.length), tail];
}

function webWords(address: string): string {
  const [, host = '', rest = ''] =
    /^(?:[a-z][a-z+.-]*:\/\/)?(?:www\.)?(?:[^/@\s]*@)?([^/?#\s]+)([^?#]*)/i.exec(address) ?? [];
  // What stands after ? and # is for machines.
  const path = rest.replace(/\/$/, '');
  return `${hostWords(host)}${path ? ` ${pathWords(decoded(path))}` : ''}`;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Web and mail addresses, paths, versions, IP addresses, hexadecimal numbers, names of code. */
export const ADDRESSES: readonly Rule[] = [
  {
    pattern: /\b(?:https?|wss?|ftp|s3|oci|file|git|ssh|grpc):\/\/[^\s<>"'`]+/gi,
    say: (all) => {
      const [address, tail] = trimmed(all!);
      return webWords(address) + tail;
    },
  },
  {
    pattern: /(?<![\w.@-])(?:mailto:)?([A-Za-z0-9][\w.+-]*)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)/g,
    say: (_all, user, host) =>
      `${user!
        .split('.')
        .map((part) => part.split('+').map(identifierWords).join(' plus '))
        .join(' dot ')} at ${hostWords(host!)}`,
  },
  {
    pattern: new RegExp(
      `(?<![\\w.@/-])(?:www\\.[\\w-]+(?:\\.[\\w-]+)+|(?:[A-Za-z0-9][A-Za-z0-9-]*\\.)+(?:${TOP})(?=[/:]\\S|(?![\\w(.-])|\\.(?:\\s|$)))(?::\\d{2,5})?(?:/[^\\s<>"'\`]*)?`,
      'g',
    ),
    say: (all) => {
      const [address, tail] = trimmed(all!);
      return webWords(address) + tail;
    },
  },
  {
    pattern: /(?<![\w.@/-])localhost(:\d{2,5})?(\/[^\s<>"'`]*)?(?!\w)/g,
    say: (all) => {
      const [address, tail] = trimmed(all!);
      return webWords(address) + tail;
    },
  },
  {
    pattern: /(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{2,5}))?(\/\d{1,2})?(?![\w.]*\d)/g,
    say: (_all, host, port, mask) =>
      hostWords(port ? `${host}:${port}` : host!) + (mask ? ` slash ${numberWords(mask.slice(1))}` : ''),
  },
  {
    // A path: from a root, home or here, with drive letters, or several names of which the last has an ending.
    pattern:
      /(?<![\w/.:<])(?:(?:~|\.{1,2})?\/(?:[\w.@+-]+\/?)+|[A-Za-z]:\\[\w.\\-]+|(?:[\w@-]+\/)+[\w-]+\.[a-z]{1,5}\b)/g,
    say: (all) => {
      const [path, tail] = trimmed(all!);
      return path.length > 1 ? pathWords(path.replace(/\/$/, '')) + tail : null;
    },
  },
  {
    pattern: new RegExp(`(?<![\\w./])\\.?[A-Za-z][\\w-]*(?:\\.[\\w-]+)*\\.(?:${EXTENSION})(?![\\w(])`, 'g'),
    say: (all) => pathWords(all!),
  },
  {
    pattern: /(?<![\w.])v?(\d+(?:\.\d+){2,})(?:-([a-z]+)\.?(\d+)?)?(?![\w.]*\d)/g,
    say: (all, version, pre, number) => {
      const words = version!.split('.').map(numberWords).join(' point ');
      const tail = pre ? ` ${pre}${number ? ` ${numberWords(number)}` : ''}` : '';
      return `${all!.startsWith('v') ? 'version ' : ''}${words}${tail}`;
    },
  },
  {
    pattern: /(?<![\w.])v(\d+(?:\.\d+)?)(?!\w)/g,
    say: (_all, version) => `version ${version!.split('.').map(numberWords).join(' point ')}`,
  },
  {
    pattern: /(?<!\w)0x([0-9a-fA-F]+)(?!\w)/g,
    say: (_all, digits) =>
      `hex ${[...digits!].map((one) => (/\d/.test(one) ? eachDigit(one) : one.toUpperCase())).join(' ')}`,
  },
  // Calls and members: foo(), foo.bar(x), obj.field_name, std::vector.
  {
    pattern: /(?<![\w.])[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)*\([^()\s]{0,80}\)/g,
    say: (all) => (/^(?:[A-Za-z]|[a-z]+)\(s\)$/.test(all!) ? null : codeWords(all!)),
  },
  {
    pattern: /(?<![\w.])[A-Za-z]\w*(?:(?:::|->)\w+)+|(?<![\w.])[a-z]\w*(?:\.[a-z]\w*)*\.[a-z]+[A-Z_]\w*/g,
    say: (all) => codeWords(all!),
  },
  // snake_case and SCREAMING_CASE.
  { pattern: /(?<![\w])_*[A-Za-z][A-Za-z0-9]*(?:_+[A-Za-z0-9]+)+_*(?!\w)/g, say: (all) => screaming(all!) },
  // camelCase and PascalCase of names, but not Mc and the like, nor PCs.
  {
    pattern:
      /(?<![\w'’])(?!(?:Mc|Mac|De|Di|Du|La|Le|Van|Fitz)\p{Lu}\p{Ll}+\b)\p{L}*\p{Ll}\p{Lu}\p{L}*|(?<![\w'’])\p{Lu}{2,}\p{Lu}\p{Ll}{2,}\p{L}*/gu,
    say: (all) => identifierWords(all!),
  },
  // Options of a command.
  { pattern: /(?<![\w-])--([a-z][a-z0-9-]*)(?:=(\S+))?/g, say: (all) => codeWords(all!) },
];

/** Words that are all capitals only because their name is. */
function screaming(name: string): string {
  const isScreaming = name === name.toUpperCase();
  return identifierWords(isScreaming ? name.toLowerCase() : name);
}
