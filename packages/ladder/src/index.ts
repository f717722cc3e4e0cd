export * from './source-model';
