export { EngineError, type EngineFailure } from './engine-error';
export { GREEDY } from './greedy';
export { loadEngine } from './load-engine';
export * from './native';
export type * from './native-experts';
export * from './quant';
