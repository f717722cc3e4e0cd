export {
  type AnswerFinished,
  type AnswerPiece,
  type AnswerStarted,
  ChatRequest,
  CompleteRequest,
  ExpertFloor,
  FinishReason,
  type Model,
  Priority,
  type Usage,
} from '@zen/contracts';
export type { AnswerEvent } from './resume';
export { type CallOptions, type TlsOptions, ZenClient, type ZenClientOptions } from './zen-client';
export { ZenError } from './zen-error';
