import { createReadStream } from 'node:fs';
import { copyFile, open, rm } from 'node:fs/promises';
import type { NativeQuant } from '@zen/engine';
import { LadderReader } from './decode-tensor';
import {
  type CodedRung,
  type ExactRung,
  type LadderConfig,
  type LadderTensor,
  type Section,
  STAGES,
} from './ladder-config';
import { LadderError } from './ladder-error';
import { LayoutWriter } from './layout-writer';
import type { OpenLadder } from './open-ladder';
import type { ModelConfig } from './source-model';

/** Scale and offset of every row and group: value = scale·code + offset. */
export interface TrainedScales {
  scale: Float32Array;
  offset: Float32Array;
}

/** What a trainer is given for every tensor. */
export interface TrainingTensor extends TrainedScales {
  name: string;
  shape: [number, number];
  codes: Uint8Array;
  group: number;
  /** From this stage on the tensor has the source's values. */
  exactStage: number;
}

/** Trains scales over fixed codes; the tensors it returns get the new ones. */
export type Trainer = (ladder: OpenLadder, reader: LadderReader) => Promise<Map<string, TrainedScales>>;

const codedRung = (tensor: LadderTensor) =>
  tensor.rungs.find((rung): rung is CodedRung => rung.kind === 'coded');
const exactRung = (tensor: LadderTensor) =>
  tensor.rungs.find((rung): rung is ExactRung => rung.kind === 'exact');

/** The tensors whose scales can be trained, one after the other. */
export async function* trainingTensors(
  quant: NativeQuant,
  ladder: OpenLadder,
  reader: LadderReader,
): AsyncGenerator<TrainingTensor> {
  for (const tensor of ladder.config.tensors) {
    const coded = codedRung(tensor);
    if (coded === undefined) continue;
    const unpacked = await quant.unpackCoded(await reader.coded(coded), ...tensor.shape);
    const exactStage = exactRung(tensor)?.stage ?? STAGES;
    yield { name: tensor.name, shape: tensor.shape, group: coded.group, exactStage, ...unpacked };
  }
}

/**
 * Replaces the scales of stage 0 by trained ones. Codes and all other stages stay as they are, and so do the
 * positions of all sections; quality has to be measured again. Returns how many groups kept their old scales.
 */
export async function tuneLadder(
  quant: NativeQuant,
  ladder: OpenLadder,
  folder: string,
  trainer: Trainer,
): Promise<{ config: LadderConfig; kept: number }> {
  needDense(ladder.config.model);
  const reader = await LadderReader.open(quant, ladder);
  const writer = await LayoutWriter.create(folder);
  try {
    const trained = await trainer(ladder, reader);
    const patches: { section: Section; data: Uint8Array }[] = [];
    let kept = 0;
    for (const tensor of ladder.config.tensors) {
      const scales = trained.get(tensor.name);
      const coded = codedRung(tensor);
      if (scales === undefined || coded === undefined) continue;
      const exact = exactRung(tensor);
      const residual = exact?.residual ?? null;
      const stored = await quant.storeTrained(
        await reader.coded(coded),
        residual && tensor.sourceType,
        residual ? await reader.planes(residual.planes) : [],
        residual ? residual.planes.map(({ width }) => width) : [],
        residual && (await reader.bytes(exact!.params)),
        residual && exact!.supers && (await reader.bytes(exact!.supers)),
        scales.scale,
        scales.offset,
        ...tensor.shape,
      );
      patches.push({ section: coded.rowScale, data: stored.rowScale });
      patches.push({ section: coded.groups, data: stored.groups });
      kept += stored.kept;
    }
    for (const { section } of patches) {
      if (section.stage !== 0) throw new LadderError('unsupported', 'only scales of stage 0 can be trained');
    }
    const part = `${writer.blobs[0]!.path}.scales`;
    await patch(ladder.stagePaths[0]!, part, patches);
    for (const blob of writer.blobs) {
      const from = blob.stage === 0 ? part : ladder.stagePaths[blob.stage]!;
      for await (const data of createReadStream(from, { highWaterMark: 1024 * 1024 }))
        await blob.append(data);
    }
    await rm(part);
    const layers = await writer.finishBlobs();
    const config: LadderConfig = {
      ...ladder.config,
      stages: ladder.config.stages.map((stage) => ({ ...stage, quality: null })),
    };
    await writer.publish(config, layers);
    return { config, kept };
  } catch (error) {
    await writer.abandon();
    throw error;
  } finally {
    await reader.close();
  }
}

/** The training code has no graph of a mixture. */
export function needDense({ experts }: ModelConfig): void {
  if (experts)
    throw new LadderError(
      'unsupported',
      'scales can be trained of dense models, not of a mixture of experts',
    );
}

async function patch(
  from: string,
  to: string,
  patches: { section: Section; data: Uint8Array }[],
): Promise<void> {
  try {
    await copyFile(from, to);
    const file = await open(to, 'r+');
    try {
      for (const { section, data } of patches) {
        if (data.byteLength !== section.bytes)
          throw new LadderError('invalid', `${to}: a section changes its size`);
        await file.write(data, 0, data.byteLength, section.offset);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw LadderError.fromIo(error, to);
  }
}
