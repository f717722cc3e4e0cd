export type { ChatMessage, ChatOptions } from './chat-template';
export { IncrementalDecoder } from './incremental-decoder';
export * from './spec';
export { type EncodeOptions, MAX_TEXT, Tokenizer } from './tokenizer';
export { TokenizerError, type TokenizerFailure } from './tokenizer-error';
