export * from './native';
export * from './quant';
