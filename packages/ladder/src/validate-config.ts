import { Fields, refuse } from './fields';
import {
  type CodedRung,
  isRouter,
  type LadderConfig,
  type LadderStage,
  type LadderTensor,
  STAGES,
} from './ladder-config';
import { MAX_TENSORS, modelTensors, mostExperts } from './model-tensors';
import type { ExpertShape, ModelConfig } from './source-model';
import { type TensorClaims, validateTensor } from './validate-tensor';

export const MAX_CONFIG_BYTES = 64 * 1024 * 1024;
const MAX_BLOB_BYTES = 2 ** 42;

/** Checks an untrusted config blob completely, sections included. */
export function parseConfig(json: string): LadderConfig {
  if (json.length > MAX_CONFIG_BYTES) throw refuse('config', `must have at most ${MAX_CONFIG_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw refuse('config', `must be JSON: ${(error as Error).message}`);
  }
  const fields = Fields.of(value, '');
  fields.choice('format', ['zen.ladder/1']);
  fields.text('name', 200);
  const model = parseModel(fields.child('model'));
  fields.child('tokenizer');
  const source = fields.child('source');
  source.text('uri', 10_000);
  source.sha256('sha256');
  source.whole('bytes', 1, MAX_BLOB_BYTES);
  source.sha256('tensorsSha256');
  const stages = fields.list('stages', STAGES, STAGES).map(parseStage);
  fields.whole('minServable', 0, STAGES - 1);
  const floors = fields.child('floors');
  floors.number('top1', 0, 1);
  floors.number('klMean', 0, 1000);
  floors.number('jsonValid', 0, 1);
  checkTensors(fields, model, stages);
  return value as LadderConfig;
}

function parseModel(fields: Fields): ModelConfig {
  const model: ModelConfig = {
    architecture: fields.choice('architecture', ['llama', 'qwen2', 'qwen3']),
    layers: fields.whole('layers', 1, 1024),
    hiddenSize: fields.whole('hiddenSize', 32, 65_536),
    heads: fields.whole('heads', 1, 1024),
    kvHeads: fields.whole('kvHeads', 1, 1024),
    headSize: fields.whole('headSize', 2, 1024),
    ffnSize: fields.whole('ffnSize', 32, 1_048_576),
    vocabSize: fields.whole('vocabSize', 2, 4_194_304),
    contextTokens: fields.whole('contextTokens', 1, 16_777_216),
    ropeTheta: fields.number('ropeTheta', 1, 1e12),
    rmsEps: fields.number('rmsEps', 0, 1),
    tiedEmbeddings: fields.flag('tiedEmbeddings'),
    ropeStyle: fields.choice('ropeStyle', ['interleaved', 'half']),
  };
  if (model.heads % model.kvHeads !== 0) throw refuse(fields.at('heads'), 'must be a multiple of kvHeads');
  if (model.headSize % 2 !== 0) throw refuse(fields.at('headSize'), 'must be even');
  if (fields.value('experts') === undefined) return model;
  return { ...model, experts: parseExperts(fields.child('experts'), model.layers) };
}

function parseExperts(fields: Fields, layers: number): ExpertShape {
  const count = fields.whole('count', 2, 1024);
  const most = mostExperts(layers);
  if (count > most)
    throw refuse(fields.at('count'), `must be at most ${most} where there are ${layers} layers`);
  const sharedFfnSize = fields.whole('sharedFfnSize', 0, 1_048_576);
  if (sharedFfnSize > 0 && sharedFfnSize < 32)
    throw refuse(fields.at('sharedFfnSize'), 'must be 0 or at least 32');
  return {
    count,
    perToken: fields.whole('perToken', 1, Math.min(count, 64)),
    normalized: fields.flag('normalized'),
    sharedFfnSize,
  };
}

function parseStage(value: unknown, index: number): LadderStage {
  const fields = Fields.of(value, `stages[${index}]`);
  fields.whole('stage', index, index);
  fields.whole('bytes', 0, MAX_BLOB_BYTES);
  fields.number('bitsPerLinearWeight', 0, 1000);
  if (fields.value('quality') !== null) checkQuality(fields.child('quality'));
  return value as LadderStage;
}

function checkQuality(fields: Fields): void {
  fields.number('top1', 0, 1);
  fields.number('klMean', -1, 1000);
  fields.number('klP99', -1, 1000);
  fields.number('perplexityRatio', 0, 1e12);
  if (fields.value('jsonValid') !== null) fields.number('jsonValid', 0, 1);
}

function checkTensors(fields: Fields, model: ModelConfig, stages: LadderStage[]): void {
  const expected = modelTensors(model);
  const seen = new Set<string>();
  /** Taken ranges of every blob, to find overlaps. */
  const taken: { offset: number; bytes: number; owner: string }[][] = stages.map(() => []);
  const tensors = fields.list('tensors', 1, MAX_TENSORS);
  const likes: TensorClaims['likes'] = [];
  for (const [index, value] of tensors.entries()) {
    const name = Fields.of(value, `tensors[${index}]`).text('name', 200);
    const known = expected.get(name);
    if (known === undefined)
      throw refuse(`tensor ${name}`, `does not belong to a ${model.architecture} model`);
    if (seen.has(name)) throw refuse(`tensor ${name}`, 'must be listed once');
    seen.add(name);
    const tensor = validateTensor(Fields.of(value, `tensor ${name}`), known.shape, stages);
    if (isRouter(name)) checkRouter(value as LadderTensor);
    likes.push(...tensor.likes);
    for (const section of tensor.sections) taken[section.stage]!.push({ ...section, owner: name });
  }
  for (const [name, { needed }] of expected) {
    if (needed && !seen.has(name)) throw refuse(`tensor ${name}`, 'is missing');
  }
  checkLikes(likes, tensors as LadderTensor[], expected);
  for (const [stage, ranges] of taken.entries()) {
    ranges.sort((a, b) => a.offset - b.offset);
    for (let i = 1; i < ranges.length; i++) {
      const [before, after] = [ranges[i - 1]!, ranges[i]!];
      if (after.bytes > 0 && before.offset + before.bytes > after.offset) {
        throw refuse(`tensor ${after.owner}`, `overlaps ${before.owner} in the blob of stage ${stage}`);
      }
    }
  }
}

/** Whoever computes a row must choose the same experts for it, so there is one form of a router. */
function checkRouter({ name, rungs }: LadderTensor): void {
  for (const [index, rung] of rungs.entries()) {
    if (rung.kind !== 'raw' || rung.dtype !== 'F32')
      throw refuse(`tensor ${name}.rungs[${index}]`, 'must be raw F32');
  }
}

/** A rung that uses another tensor's codes names exactly the sections of one of that tensor's own rungs. */
function checkLikes(
  likes: TensorClaims['likes'],
  tensors: LadderTensor[],
  expected: ReturnType<typeof modelTensors>,
): void {
  for (const { rung, path } of likes) {
    const peer = tensors.find(({ name }) => name === rung.like);
    const own =
      peer?.rungs.filter((other): other is CodedRung => other.kind === 'coded' && !other.like) ?? [];
    if (!own.some((other) => placeOf(other) === placeOf(rung))) {
      throw refuse(path, `must name the sections of a coded rung of ${rung.like}`);
    }
    const [rows, cols] = expected.get(peer!.name)!.shape;
    const owner = path.slice('tensor '.length, path.indexOf('.rungs['));
    const [ownRows, ownCols] = expected.get(owner)!.shape;
    if (rows !== ownRows || cols !== ownCols) throw refuse(path, `must have the shape of ${rung.like}`);
  }
}

/** Everything that says how a coded rung is read. */
function placeOf({ bits, group, planes, rowScale, groups }: CodedRung): string {
  const sections = [...planes, rowScale, groups].map(({ stage, offset }) => `${stage}:${offset}`);
  return `${bits} ${group} ${planes.map(({ width }) => width)} ${sections}`;
}
