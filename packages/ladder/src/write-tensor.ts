import type { CodedTensor, NativeQuant } from '@zen/engine';
import type { BlobWriter } from './blob-writer';
import { tensorBytes } from './dense-source';
import {
  type CodedRung,
  type LadderTensor,
  type Plane,
  type RawRung,
  type Rung,
  type Section,
  STAGES,
} from './ladder-config';
import type { TensorPlan } from './plan';
import { planeWidths, SOURCE_FORMATS } from './source-format';
import type { SourceTensor } from './source-model';
import { WIDE_BITS } from './wide-codes';

/**
 * Writes one tensor's sections into the stages' blobs and says where they are. `written`: the tensors so far, for
 * plans that use another tensor's codes.
 */
export async function writeTensor(
  quant: NativeQuant,
  blobs: BlobWriter[],
  tensor: SourceTensor,
  plan: TensorPlan,
  coded: CodedTensor[],
  written: ReadonlyMap<string, LadderTensor>,
): Promise<LadderTensor> {
  const writer = new TensorWriter(quant, blobs, tensor, await tensorBytes(tensor));
  return {
    name: tensor.name,
    shape: tensor.shape,
    sourceType: tensor.type,
    rungs: await writer.rungs(plan, coded, written),
  };
}

class TensorWriter {
  private readonly rows: number;
  private readonly cols: number;
  private readonly sourceBits: number;

  constructor(
    private readonly quant: NativeQuant,
    private readonly blobs: BlobWriter[],
    private readonly tensor: SourceTensor,
    private readonly source: Uint8Array,
  ) {
    [this.rows, this.cols] = tensor.shape;
    this.sourceBits = SOURCE_FORMATS[tensor.type].bits;
  }

  async rungs(
    plan: TensorPlan,
    coded: CodedTensor[],
    written: ReadonlyMap<string, LadderTensor>,
  ): Promise<Rung[]> {
    switch (plan.kind) {
      case 'raw':
        return [await this.raw(0)];
      case 'exact':
        return [await this.whole(0)];
      case 'like':
        return [likeRung(written, plan.tensor), await this.whole(plan.exactStage)];
      case 'slice': {
        const base = await this.coded(0, plan.bits, plan.group, coded[0]!, []);
        const low = planeWidths(this.sourceBits - plan.bits);
        const rest = await this.planes(plan.exactStage, await this.codes(), low);
        return [base, await this.exact(plan.exactStage, [...base.planes, ...rest])];
      }
      case 'wide': {
        const rungs: Rung[] = [];
        let below: Plane[] = [];
        for (const [stage, bits] of WIDE_BITS.entries()) {
          const rung = await this.coded(stage, bits, plan.group, coded[stage]!, below);
          below = rung.planes;
          rungs.push(rung);
        }
        return [...rungs, await this.raw(STAGES - 1)];
      }
      case 'residual': {
        const base = await this.coded(0, plan.bits, plan.group, coded[0]!, []);
        if (plan.residualBits === this.sourceBits) return [base, await this.whole(plan.exactStage)];
        const widths = planeWidths(plan.residualBits);
        const planes = await this.planes(plan.exactStage, await this.codes(), widths);
        const params = await this.params(plan.exactStage);
        const residual = { bits: plan.residualBits, planes };
        return [base, { kind: 'exact', stage: plan.exactStage, planes: [], residual, ...params }];
      }
    }
  }

  private async raw(stage: number): Promise<RawRung> {
    const dtype = this.tensor.type as RawRung['dtype'];
    return { kind: 'raw', stage, dtype, data: await this.put(stage, this.source) };
  }

  /** A coded rung; `below` holds the planes of the upper bits where they are written already. */
  private async coded(
    stage: number,
    bits: number,
    group: number,
    coded: CodedTensor,
    below: Plane[],
  ): Promise<CodedRung> {
    const known = below.reduce((sum, { width }) => sum + width, 0);
    const planes = [...below, ...(await this.planes(stage, coded.codes, planeWidths(bits - known)))];
    const { rows, cols } = this;
    const packed = this.quant.packScales(coded.rowScale, coded.scale, coded.zero, rows, cols, group);
    const rowScale = await this.put(stage, packed.rowScale);
    const groups = await this.put(stage, packed.groups);
    return { kind: 'coded', stage, bits, group, planes, rowScale, groups };
  }

  private async whole(stage: number): Promise<Rung> {
    return this.exact(stage, await this.planes(stage, await this.codes(), planeWidths(this.sourceBits)));
  }

  private async exact(stage: number, planes: Plane[]): Promise<Rung> {
    return { kind: 'exact', stage, planes, residual: null, ...(await this.params(stage)) };
  }

  private async params(stage: number): Promise<{ params: Section; supers: Section | null }> {
    const { params, supers } = this.quant.packParams(this.tensor.type, this.source, this.rows, this.cols);
    return {
      params: await this.put(stage, params),
      supers: supers === null ? null : await this.put(stage, supers),
    };
  }

  /** The lowest bits of `codes`, as many as the widths together. */
  private async planes(stage: number, codes: Uint8Array, widths: number[]): Promise<Plane[]> {
    const planes: Plane[] = [];
    let shift = widths.reduce((sum, width) => sum + width, 0);
    for (const width of widths) {
      shift -= width;
      const data = await this.quant.packPlane(codes, this.rows, this.cols, shift, width);
      planes.push({ width, ...(await this.put(stage, data)) });
    }
    return planes;
  }

  private codes(): Promise<Uint8Array> {
    return this.quant.sourceCodes(this.tensor.type, this.source, this.rows, this.cols);
  }

  private put(stage: number, data: Uint8Array): Promise<Section> {
    return this.blobs[stage]!.section(data);
  }
}

/** The coded rung of stage 0 of another tensor, to be used as this one's. */
function likeRung(written: ReadonlyMap<string, LadderTensor>, name: string): CodedRung {
  const rung = written.get(name)?.rungs[0];
  if (rung?.kind !== 'coded') throw new RangeError(`${name} must be written first, with codes`);
  return { ...rung, like: name };
}
