export { type CacheEntry, listCache, type Pruned, pruneCache } from './cache-entries';
export { cacheHome } from './cache-home';
export { CACHE_KINDS, type CacheKind, type CacheUse, useCached, useFolder } from './cache-use';
export { DiskError, type DiskFailure } from './disk-error';
export { publishFile, replaceFile, syncFolder } from './durable-file';
export { lockFile, type ProcessLock } from './process-lock';
