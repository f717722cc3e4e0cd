import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { AudioError } from './audio-error';
import { encodePcm } from './encode-pcm';

const PROGRAM = 'lame';
const KILOBITS_PER_SECOND = 64;
/** Of what the program says before it fails. */
const MOST_WORDS = 500;

type Lame = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * MP3 by the program `lame`, in a process of its own: it is not linked for its licence's sake. It reads as fast as its
 * output is taken, and is killed when nobody wants the rest.
 * @throws AudioError unavailable where it is not installed
 */
export async function encodeMp3(
  sampleRate: number,
  pieces: AsyncIterable<Float32Array>,
  signal: AbortSignal,
  program = PROGRAM,
): Promise<AsyncGenerator<Uint8Array>> {
  const raw = [
    '-r',
    '-s',
    String(sampleRate / 1000),
    '--bitwidth',
    '16',
    '--signed',
    '--little-endian',
    '-m',
    'm',
  ];
  // No Info frame: its figures are known at the end only. Flushed: a listener waits for it.
  const out = ['-b', String(KILOBITS_PER_SECOND), '-t', '--flush', '--quiet', '-', '-'];
  const lame = spawn(program, [...raw, ...out], { stdio: ['pipe', 'pipe', 'pipe'] });
  await started(lame);
  // From here on, also where nobody ever reads.
  const kill = () => lame.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  lame.once('exit', () => signal.removeEventListener('abort', kill));
  if (signal.aborted) kill();
  return read(lame, pieces, signal);
}

function started(lame: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    lame.once('spawn', resolve);
    lame.once('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      reject(
        missing
          ? new AudioError(
              'unavailable',
              'mp3 is not available: lame is not installed (apt-get install lame)',
            )
          : new AudioError('encoder_failed', `lame cannot be started: ${error.code}`, { cause: error }),
      );
    });
  });
}

async function* read(
  lame: Lame,
  pieces: AsyncIterable<Float32Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let words = '';
  lame.stderr.on('data', (text: Buffer) => {
    words = (words + text.toString()).slice(-MOST_WORDS);
  });
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) =>
    lame.once('close', (code, by) => resolve(by ?? code)),
  );
  const fed = feed(lame.stdin, pieces).catch((error: unknown) => {
    // Whoever made the samples failed: there is no end to write.
    lame.kill('SIGKILL');
    return { error };
  });
  try {
    for await (const bytes of lame.stdout) yield bytes as Buffer;
    const [outcome, how] = await Promise.all([fed, exit]);
    signal.throwIfAborted();
    if (outcome) throw outcome.error;
    if (how !== 0) throw new AudioError('encoder_failed', `lame ended with ${how}: ${words.trim()}`);
  } finally {
    lame.kill('SIGKILL');
  }
}

/** Ends early, without an error, where the program does: its exit says why. */
async function feed(stdin: Writable, pieces: AsyncIterable<Float32Array>): Promise<undefined> {
  const gone = new AbortController();
  stdin.on('error', () => gone.abort());
  stdin.on('close', () => gone.abort());
  for await (const piece of pieces) {
    if (gone.signal.aborted) return;
    if (stdin.write(encodePcm(piece))) continue;
    await once(stdin, 'drain', { signal: gone.signal }).catch(() => {});
    if (gone.signal.aborted) return;
  }
  stdin.end();
}
