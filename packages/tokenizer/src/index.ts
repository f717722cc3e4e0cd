export type { ChatMessage, ChatOptions } from './chat-template';
export { IncrementalDecoder } from './incremental-decoder';
export type { ToolTurn } from './plain-tool-turns';
export * from './spec';
export { type EncodeOptions, MAX_TEXT, Tokenizer } from './tokenizer';
export { TokenizerError, type TokenizerFailure } from './tokenizer-error';
