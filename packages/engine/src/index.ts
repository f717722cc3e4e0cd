export { EngineError, type EngineFailure } from './engine-error';
export { loadEngine } from './load-engine';
export * from './native';
export * from './quant';
