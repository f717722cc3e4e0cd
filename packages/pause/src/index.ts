export { Backoff } from './backoff';
export { pause } from './pause';
