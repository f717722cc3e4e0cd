import { parseArgs } from 'node:util';
import { digestOf, MAX_KEY_LENGTH, MIN_KEY_LENGTH, newKey, parseKeys } from './key-entry';

const HELP = `usage: hash-key --tenant NAME [LIMITS] [--stdin]

Prints one line for the key file. Without --stdin a new key is made and shown once on standard error; with it the
key is read from standard input. Limits: --rpm N --tpm N --streams N --min-stage N --ttft-ms N --tpot-ms N
--priority batch|normal|interactive --expert-floor exact|stand-in|without. Deltas: --deltas none|use|publish|admin (use), --user-delta ALIAS with {user} in it,
the delta that answers requests which name a user and no delta. What is fetched from /artifacts has limits of its own:
--artifact-rpm N requests and --artifact-bpm N bytes a minute
`;

const LIMITS = [
  'rpm',
  'tpm',
  'streams',
  'min-stage',
  'ttft-ms',
  'tpot-ms',
  'priority',
  'expert-floor',
  'deltas',
  'user-delta',
  'artifact-rpm',
  'artifact-bpm',
] as const;

/** The command `hash-key`: makes one line of a key file. */
export async function hashKey(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      help: { type: 'boolean', default: false },
      stdin: { type: 'boolean', default: false },
      tenant: { type: 'string', default: '' },
      ...Object.fromEntries(LIMITS.map((name) => [name, { type: 'string' as const }])),
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const key = values.stdin ? (await readAll(process.stdin)).trim() : newKey();
  if (key.length < MIN_KEY_LENGTH || key.length > MAX_KEY_LENGTH || /\s/.test(key)) {
    process.stderr.write(`a key has ${MIN_KEY_LENGTH} to ${MAX_KEY_LENGTH} characters and no spaces\n`);
    return 2;
  }
  const limits = LIMITS.flatMap((name) => {
    const value = (values as Record<string, unknown>)[name];
    return typeof value === 'string' ? [`${name}=${value}`] : [];
  });
  const line = [`sha256:${digestOf(key).toString('hex')}`, `tenant=${values.tenant}`, ...limits].join(' ');
  parseKeys(line, 'the options');
  if (!values.stdin) process.stderr.write(`the key, shown only now: ${key}\n`);
  process.stdout.write(`${line}\n`);
  return 0;
}

async function readAll(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}
