import { createHash } from 'node:crypto';
import type { OpenLadder } from './open-ladder';
import type { QualityWork } from './quality';
import { WorkFolder } from './work-folder';

/** What is measured; work on anything else is not gone on with. */
export interface Measured {
  ladder: Pick<OpenLadder, 'config' | 'manifest'>;
  /** What runs the stages. */
  how: string;
  sequences: readonly Int32Array[];
  jsonPrompts: readonly Int32Array[];
}

/**
 * What a measurement has so far, on disk beside its target: for each text what every stage said of each token, for
 * each stage its share of valid JSON. A file is whole or absent, so a measurement that was killed goes on with the
 * text that it was at, and its result is that of one that was not.
 */
export class QualityFolder implements QualityWork {
  private constructor(private readonly work: WorkFolder) {}

  static async open(
    target: string,
    { ladder, how, sequences, jsonPrompts }: Measured,
  ): Promise<QualityFolder> {
    const { model, tensors } = ladder.config;
    const blobs = ladder.manifest.layers.map(({ digest }) => digest);
    const key = { blobs, model, tensors, how, texts: digestOf(sequences), prompts: digestOf(jsonPrompts) };
    return new QualityFolder(await WorkFolder.open(target, key));
  }

  text(index: number): Promise<Float32Array | null> {
    return this.work.floats(`text-${index}`);
  }

  keepText(index: number, values: Float32Array): Promise<void> {
    return this.work.keepFloats(`text-${index}`, values);
  }

  jsonValid(stage: number): Promise<number | null> {
    return this.work.note(`json-${stage}`);
  }

  keepJsonValid(stage: number, share: number): Promise<void> {
    return this.work.keepNote(`json-${stage}`, share);
  }

  /** The result is where it belongs. */
  remove(): Promise<void> {
    return this.work.remove();
  }
}

function digestOf(sequences: readonly Int32Array[]): string {
  const hash = createHash('sha256');
  for (const tokens of sequences) hash.update(`${tokens.length} ${tokens.join(' ')}\n`);
  return hash.digest('hex');
}
