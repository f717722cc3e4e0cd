import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { WhisperShape } from './whisper-shape';

/** Changes with the graphs: a folder of another version is made anew. */
export const FORMAT = 1;

/** `whisper.json`: what stands beside the graphs. */
export interface WhisperDescription {
  format: number;
  shape: WhisperShape;
  suppressed: { suppressed: number[]; suppressedFirst: number[] };
  /** Layer and head of those that follow the audio, by layer. */
  alignmentHeads: [number, number][];
  /** Of the other files. */
  files: { name: string; bytes: number; sha256: string }[];
}

/** Whether a folder holds a whole model of this version. */
export async function isWhisperThere(folder: string, signal: AbortSignal): Promise<boolean> {
  let description: WhisperDescription;
  try {
    description = JSON.parse(await readFile(join(folder, 'whisper.json'), 'utf8'));
  } catch {
    return false; // not there, or cut: it is made anew
  }
  if (description?.format !== FORMAT || !Array.isArray(description.files)) return false;
  for (const { name, bytes, sha256 } of description.files) {
    const path = join(folder, name);
    if ((await stat(path).catch(() => null))?.size !== bytes) return false;
    if ((await sha256Of(path, signal)) !== sha256) return false;
  }
  return true;
}

export async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, { signal });
  return hash.digest('hex');
}
