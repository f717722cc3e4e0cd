import type { NativeQuant } from '@zen/engine';
import {
  type DenseReader,
  denseSource,
  hashTensors,
  LadderReader,
  type ModelConfig,
  type OpenLadder,
  type SourceModel,
  STAGES,
  sourceTensors,
} from '@zen/ladder';

/** The model that a delta is made for. */
export interface BuildBase {
  /** `sha256:<hex>` of its dequantized tensors: what the delta's manifest names. */
  digest: string;
  name: string;
  model: ModelConfig;
  tokenizer: unknown;
  /** The source's own values. */
  read: DenseReader;
  close(): Promise<void>;
}

/** A ladder's top stage, which has its source's values. */
export async function ladderBase(quant: NativeQuant, ladder: OpenLadder): Promise<BuildBase> {
  const { name, model, tokenizer, source } = ladder.config;
  const reader = await LadderReader.open(quant, ladder);
  return {
    digest: `sha256:${source.tensorsSha256}`,
    name,
    model,
    tokenizer,
    read: reader.at(STAGES - 1),
    close: () => reader.close(),
  };
}

/** A model that is not packed; its tensors are hashed first, to know the digest of its ladders. */
export async function sourceBase(
  quant: NativeQuant,
  source: SourceModel,
  progress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<BuildBase> {
  const tensors = sourceTensors(source);
  const read = denseSource(quant, tensors, false);
  const values = async (name: string) => (await read(name))!;
  const sha256 = await hashTensors(tensors.keys(), values, (done, total) => {
    signal.throwIfAborted();
    progress(done, total);
  });
  const { name, config, tokenizer } = source;
  return { digest: `sha256:${sha256}`, name, model: config, tokenizer, read, close: () => source.close() };
}
