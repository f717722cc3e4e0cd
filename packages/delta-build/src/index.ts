export { type BuildBase, ladderBase, sourceBase } from './build-base';
export { type BuildOptions, type BuiltDelta, buildDelta } from './build-delta';
export { buildFromFile, type FileBuild, openTuned } from './build-from-file';
export { type CorpusSequence, corpusTokens, jsonPrompts, SEQUENCE_TOKENS, thin } from './corpus-tokens';
export { fileBytes } from './file-bytes';
export { type OtherChange, otherChanges } from './other-changes';
export { adaptedModel, type Tuned, wholeModel } from './tuned';
export { tunedFile } from './tuned-file';
