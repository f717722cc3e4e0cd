import { type ExpertShape, type ModelConfig, modelTensors, mostExperts } from '@zen/ladder';
import { SourceError } from './source-error';

type Counts = Exclude<
  keyof ModelConfig,
  'architecture' | 'ropeTheta' | 'rmsEps' | 'tiedEmbeddings' | 'ropeStyle' | 'experts'
>;

/** Far above any model that fits a machine, far below what would overflow a product of two. */
const LIMITS: Readonly<Record<Counts, number>> = {
  layers: 1_024,
  hiddenSize: 65_536,
  heads: 1_024,
  kvHeads: 1_024,
  headSize: 1_024,
  ffnSize: 1_048_576,
  vocabSize: 1_048_576,
  contextTokens: 16_777_216,
};

/** Returns the configuration if its numbers can belong together; the error names the field and the limit. */
export function checkModelConfig(config: ModelConfig, path: string): ModelConfig {
  const bad = (why: string) => new SourceError('bad-format', `${path}: ${why}`);
  for (const [field, limit] of Object.entries(LIMITS) as [Counts, number][]) {
    const value = config[field];
    if (!Number.isSafeInteger(value) || value < 1 || value > limit) {
      throw bad(`${field} is ${value}, must be a whole number from 1 to ${limit}`);
    }
  }
  if (config.heads % config.kvHeads !== 0) {
    throw bad(`heads ${config.heads} must be a multiple of kvHeads ${config.kvHeads}`);
  }
  if (config.headSize % 2 !== 0) throw bad(`headSize ${config.headSize} must be even`);
  if (!(config.ropeTheta > 0 && Number.isFinite(config.ropeTheta)))
    throw bad(`ropeTheta is ${config.ropeTheta}`);
  if (!(config.rmsEps > 0 && config.rmsEps < 1)) throw bad(`rmsEps is ${config.rmsEps}, must be in (0, 1)`);
  if (config.experts) checkExperts(config.experts, config.layers, bad);
  return config;
}

function checkExperts(experts: ExpertShape, layers: number, bad: (why: string) => SourceError): void {
  const whole = (field: keyof ExpertShape, low: number, high: number) => {
    const value = experts[field] as number;
    if (Number.isSafeInteger(value) && value >= low && value <= high) return;
    throw bad(`experts.${field} is ${value}, must be a whole number from ${low} to ${high}`);
  };
  whole('count', 2, mostExperts(layers));
  whole('perToken', 1, Math.min(experts.count, 64));
  whole('sharedFfnSize', 0, LIMITS.ffnSize);
}

/** Checks that the tensors are exactly those the graph needs, each in its shape. */
export function checkTensors(
  config: ModelConfig,
  tensors: readonly { name: string; shape: [number, number] }[],
  path: string,
): void {
  const places = modelTensors(config);
  for (const { name, shape } of tensors) {
    const [rows, cols] = places.get(name)?.shape ?? [0, 0];
    if (rows === 0) {
      throw new SourceError(
        'unsupported',
        `${path}: tensor ${name} has no place in a ${config.architecture} ${config.experts ? 'mixture of experts' : 'model'}`,
      );
    }
    if (shape[0] !== rows || shape[1] !== cols) {
      throw new SourceError(
        'bad-format',
        `${path}: tensor ${name} is ${shape.join(' × ')}, must be ${rows} × ${cols}`,
      );
    }
    places.delete(name);
  }
  const missing = [...places].find(([, { needed }]) => needed)?.[0];
  if (missing) throw new SourceError('bad-format', `${path}: tensor ${missing} is missing`);
}
