export * from './gen/zen/v1/gateway';
export * from './gen/zen/v1/thinker';
export * from './gen/zen/v1/types';
