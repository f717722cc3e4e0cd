import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeQuant } from '@zen/engine';
import {
  isLinear,
  type LadderReader,
  type OpenLadder,
  STAGES,
  type TrainedScales,
  trainingTensors,
} from '@zen/ladder';
import { runLines, scriptFolder } from '@zen/training';

export interface TuneOptions {
  quant: NativeQuant;
  python: string;
  /** Where the working folder is made. */
  home: string;
  minutes: number;
  sequences: Int32Array[];
  progress: (done: number, total: number) => void;
  signal: AbortSignal;
}

interface TuneReport {
  step: number;
  steps: number | null;
}

interface TuneTensor {
  name: string;
  shape: [number, number];
  /** Elements into dense.bin, codes.bin and scales.bin. */
  dense: number;
  codes: number | null;
  scales: number | null;
  groups: number;
  group: number;
  exactStage: number;
  /** The embedding keeps its scales: every stage below the top shares them. */
  train: boolean;
}

const NOT_CODED = { codes: null, scales: null, groups: 0, group: 0, exactStage: 0, train: false };

/** Stages whose answers are trained, in turn. */
const STAGES_TRAINED = [0, 1, 2];

/** Trains all coded tensors' scales with `infra/tune/tune.py` on the divergence from the source. */
export async function tune(
  ladder: OpenLadder,
  reader: LadderReader,
  options: TuneOptions,
): Promise<Map<string, TrainedScales>> {
  const folder = await mkdtemp(join(options.home, 'tune-'));
  try {
    const tensors = await writeJob(folder, ladder, reader, options);
    const script = join(scriptFolder('tune'), 'tune.py');
    const report = (line: string) => {
      const { step, steps } = JSON.parse(line) as TuneReport;
      options.progress(step, steps ?? 4 * step);
    };
    await runLines(options.python, [script, folder, String(options.minutes)], report, options.signal);
    const bytes = await readFile(join(folder, 'trained.bin'));
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    const trained = new Map<string, TrainedScales>();
    for (const { name, shape, scales, groups, train } of tensors) {
      if (scales === null || !train) continue;
      const count = shape[0] * groups;
      trained.set(name, {
        scale: values.slice(scales, scales + count),
        offset: values.slice(scales + count, scales + 2 * count),
      });
    }
    return trained;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeJob(
  folder: string,
  ladder: OpenLadder,
  reader: LadderReader,
  options: TuneOptions,
): Promise<TuneTensor[]> {
  const dense = await Appender.open(join(folder, 'dense.bin'));
  const codes = await Appender.open(join(folder, 'codes.bin'));
  const scales = await Appender.open(join(folder, 'scales.bin'));
  const tensors: TuneTensor[] = [];
  for (const tensor of ladder.config.tensors) {
    const values = await reader.decode(tensor, STAGES - 1);
    const { name, shape } = tensor;
    tensors.push({ ...NOT_CODED, name, shape, dense: await dense.add(values) });
  }
  for await (const tensor of trainingTensors(options.quant, ladder, reader)) {
    Object.assign(tensors.find(({ name }) => name === tensor.name)!, {
      codes: await codes.add(tensor.codes),
      scales: await scales.add(tensor.scale),
      groups: tensor.scale.length / tensor.shape[0],
      group: tensor.group,
      exactStage: tensor.exactStage,
      train: isLinear(tensor.name),
    });
    await scales.add(tensor.offset);
  }
  for (const file of [dense, codes, scales]) await file.close();
  const description = {
    model: ladder.config.model,
    tensors,
    stages: STAGES_TRAINED,
    sequences: options.sequences.map((tokens) => [...tokens]),
  };
  await writeFile(join(folder, 'job.json'), JSON.stringify(description));
  return tensors;
}

/** Appends arrays of one kind to a file; positions are in elements. */
class Appender {
  private elements = 0;
  private constructor(private readonly file: Awaited<ReturnType<typeof open>>) {}

  static async open(path: string): Promise<Appender> {
    return new Appender(await open(path, 'w'));
  }
  async add(values: Float32Array | Uint8Array): Promise<number> {
    const at = this.elements;
    await this.file.writeFile(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.elements += values.length;
    return at;
  }
  close(): Promise<void> {
    return this.file.close();
  }
}
