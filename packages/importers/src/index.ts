export { cacheHome } from './cache/cache-home';
export { CATALOG, type CatalogEntry, catalogEntry } from './catalog';
export type { FetchProgress, FetchSettings } from './fetch/fetch-context';
export type { RetryPolicy } from './fetch/retry';
export { type OpenSourceOptions, openSource } from './open-source';
export { SOURCE_FAILURES, SourceError, type SourceFailure } from './source-error';
export { parseSourceUri, type SourceUri } from './source-uri';
