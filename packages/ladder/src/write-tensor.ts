import type { CodedTensor, NativeQuant } from '@zen/engine';
import type { BlobWriter } from './blob-writer';
import { tensorBytes } from './dense-source';
import type { CodedRung, LadderTensor, Plane, RawRung, Rung, Section } from './ladder-config';
import type { TensorPlan } from './plan';
import { planeWidths, SOURCE_FORMATS } from './source-format';
import type { SourceTensor } from './source-model';

/** Writes one tensor's sections into the stages' blobs and says where they are. */
export async function writeTensor(
  quant: NativeQuant,
  blobs: BlobWriter[],
  tensor: SourceTensor,
  plan: TensorPlan,
  coded: CodedTensor | null,
): Promise<LadderTensor> {
  const writer = new TensorWriter(quant, blobs, tensor, await tensorBytes(tensor));
  return {
    name: tensor.name,
    shape: tensor.shape,
    sourceType: tensor.type,
    rungs: await writer.rungs(plan, coded),
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

  async rungs(plan: TensorPlan, coded: CodedTensor | null): Promise<Rung[]> {
    switch (plan.kind) {
      case 'raw':
        return [await this.raw()];
      case 'exact':
        return [await this.exact(0, await this.planes(0, await this.codes(), planeWidths(this.sourceBits)))];
      case 'slice': {
        const base = await this.coded(plan.bits, plan.group, coded!);
        const low = planeWidths(this.sourceBits - plan.bits);
        const rest = await this.planes(plan.exactStage, await this.codes(), low);
        return [base, await this.exact(plan.exactStage, [...base.planes, ...rest])];
      }
      case 'residual': {
        const base = await this.coded(plan.bits, plan.group, coded!);
        const widths = planeWidths(plan.residualBits);
        const planes = await this.planes(plan.exactStage, await this.codes(), widths);
        const params = await this.params(plan.exactStage);
        const residual = { bits: plan.residualBits, planes };
        return [base, { kind: 'exact', stage: plan.exactStage, planes: [], residual, ...params }];
      }
    }
  }

  private async raw(): Promise<RawRung> {
    const dtype = this.tensor.type as RawRung['dtype'];
    return { kind: 'raw', stage: 0, dtype, data: await this.put(0, this.source) };
  }

  private async coded(bits: number, group: number, coded: CodedTensor): Promise<CodedRung> {
    const planes = await this.planes(0, coded.codes, planeWidths(bits));
    const packed = this.quant.packScales(
      coded.rowScale,
      coded.scale,
      coded.zero,
      this.rows,
      this.cols,
      group,
    );
    const rowScale = await this.put(0, packed.rowScale);
    return {
      kind: 'coded',
      stage: 0,
      bits,
      group,
      planes,
      rowScale,
      groups: await this.put(0, packed.groups),
    };
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
