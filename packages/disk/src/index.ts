export { cacheHome } from './cache-home';
export { DiskError, type DiskFailure } from './disk-error';
export { publishFile, replaceFile, syncFolder } from './durable-file';
export { lockFile, type ProcessLock } from './process-lock';
