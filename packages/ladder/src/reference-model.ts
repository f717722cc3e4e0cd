import type { NativeQuant } from '@zen/engine';
import { LadderError } from './ladder-error';
import { ReferenceMixture } from './reference-mixture';
import type { ModelConfig } from './source-model';

/** Gives a tensor's dense float32 values, null where the model has no such tensor. */
export type DenseReader = (name: string) => Promise<Float32Array | null>;

/** Sums of x·xᵀ of one layer's inputs, as GPTQ wants them. */
export interface LayerHessians {
  attnIn: Float32Array;
  attnOut: Float32Array;
  ffnIn: Float32Array;
  ffnMid: Float32Array;
}

/** Which sum belongs to the input of a linear layer; an expert's are those of its own rows. */
export function hessianOf(name: string): keyof LayerHessians {
  if (name.includes('attn_output')) return 'attnOut';
  if (name.includes('ffn_down')) return 'ffnMid';
  return name.includes('ffn_') ? 'ffnIn' : 'attnIn';
}

const LAYER = [
  'attn_norm.weight',
  'attn_q.weight',
  'attn_k.weight',
  'attn_v.weight',
  'attn_output.weight',
  'ffn_norm.weight',
  'ffn_gate.weight',
  'ffn_up.weight',
  'ffn_down.weight',
  'attn_q.bias',
  'attn_k.bias',
  'attn_v.bias',
  'attn_q_norm.weight',
  'attn_k_norm.weight',
];
const FEED_FORWARD = LAYER.filter((name) => name.startsWith('ffn_'));

/**
 * The float32 forward pass over whole sequences, layer by layer with weights read on demand: the source model
 * for calibration and quality, and the measure for the engine. One sequence after the other in `x`.
 */
export class ReferenceModel {
  constructor(
    private readonly quant: NativeQuant,
    readonly model: ModelConfig,
    private readonly read: DenseReader,
  ) {}

  /** Hidden states after the embedding: [tokens, hiddenSize]. */
  async embed(sequences: Int32Array[], read: DenseReader = this.read): Promise<Float32Array> {
    const table = await need(read, 'token_embd.weight');
    const { hiddenSize, vocabSize } = this.model;
    const x = new Float32Array(sequences.reduce((sum, tokens) => sum + tokens.length, 0) * hiddenSize);
    let at = 0;
    for (const tokens of sequences) {
      for (const token of tokens) {
        if (token < 0 || token >= vocabSize) {
          throw new LadderError('invalid', `token ${token} must be from 0 to ${vocabSize - 1}`);
        }
        x.set(table.subarray(token * hiddenSize, (token + 1) * hiddenSize), at);
        at += hiddenSize;
      }
    }
    return x;
  }

  emptyHessians(): LayerHessians {
    const square = (n: number) => new Float32Array(n * n);
    const { hiddenSize, heads, headSize, ffnSize } = this.model;
    return {
      attnIn: square(hiddenSize),
      attnOut: square(heads * headSize),
      ffnIn: square(hiddenSize),
      ffnMid: square(ffnSize),
    };
  }

  /**
   * Runs layer `index` on `x` in place; adds to `hessians` where given and the layer is dense. `read` may replace single
   * tensors.
   */
  async layer(
    index: number,
    x: Float32Array,
    lengths: Int32Array,
    hessians: LayerHessians | null = null,
    read: DenseReader = this.read,
  ): Promise<void> {
    if (this.model.experts) {
      await this.layerRows(index, x, lengths, read);
      return;
    }
    const weights = await Promise.all(LAYER.map((name) => read(`blk.${index}.${name}`)));
    const sums = hessians && [hessians.attnIn, hessians.attnOut, hessians.ffnIn, hessians.ffnMid];
    await this.quant.referenceLayer(this.model, weights, lengths, x, sums);
  }

  /** The same without Hessians; returns how many rows each expert was chosen for, none of a dense layer. */
  async layerRows(index: number, x: Float32Array, lengths: Int32Array, read = this.read): Promise<number[]> {
    if (!this.model.experts) {
      await this.layer(index, x, lengths, null, read);
      return [];
    }
    const mixture = await this.attention(index, x, lengths, null, read);
    for (const expert of mixture.experts) await mixture.add(expert, read);
    mixture.finish();
    const counts = new Array<number>(this.model.experts.count).fill(0);
    return counts.map((_, expert) => mixture.rowsOf(expert).rows.length);
  }

  /** The first half of layer `index` of a mixture, in place; the caller adds the experts of the second. */
  async attention(
    index: number,
    x: Float32Array,
    lengths: Int32Array,
    hessians: LayerHessians | null = null,
    read: DenseReader = this.read,
  ): Promise<ReferenceMixture> {
    const weights = await Promise.all(
      LAYER.map((name) => (FEED_FORWARD.includes(name) ? null : read(`blk.${index}.${name}`))),
    );
    const sums = hessians && [hessians.attnIn, hessians.attnOut, null, null];
    await this.quant.referenceAttention(this.model, weights, lengths, x, sums);
    return ReferenceMixture.route(this.quant, this.model, index, x, read);
  }

  /** Logits of rows `from` to `to` of the last hidden states: [to − from, vocabSize]. */
  async logits(
    x: Float32Array,
    from: number,
    to: number,
    read: DenseReader = this.read,
  ): Promise<Float32Array> {
    const norm = await need(read, 'output_norm.weight');
    const head = await need(read, this.headName);
    const { hiddenSize } = this.model;
    const rows = x.subarray(from * hiddenSize, to * hiddenSize);
    return this.quant.referenceHead(this.model, norm, head, rows, to - from);
  }

  /** Last hidden states of all sequences. */
  async forward(sequences: Int32Array[]): Promise<Float32Array> {
    const x = await this.embed(sequences);
    const lengths = Int32Array.from(sequences, (tokens) => tokens.length);
    for (let index = 0; index < this.model.layers; index++) await this.layer(index, x, lengths);
    return x;
  }

  /** Sums of x·xᵀ of the head's inputs for last hidden states. */
  async headHessian(x: Float32Array): Promise<Float32Array> {
    const { hiddenSize } = this.model;
    const norm = await need(this.read, 'output_norm.weight');
    const sums = new Float32Array(hiddenSize * hiddenSize);
    await this.quant.addHeadInput(this.model, norm, x, x.length / hiddenSize, sums);
    return sums;
  }

  /** The tensor that makes logits. */
  get headName(): string {
    return this.model.tiedEmbeddings ? 'token_embd.weight' : 'output.weight';
  }
}

async function need(read: DenseReader, name: string): Promise<Float32Array> {
  const values = await read(name);
  if (values === null) throw new LadderError('unsupported', `tensor ${name} is missing`);
  return values;
}
