export { type AudioCodec, codecOf, decodedLength, durationMs, formatOf, SAMPLE_RATE } from './audio-codec';
export { BETA_FORMATS, betaEvent } from './beta';
export type { ClientEvent, Hops, Item, ResponseFacts, ServerEvent } from './events';
export { heardText, type SpokenStretch } from './heard';
export { DEFAULT_SESSION_LIMITS, type SessionLimits } from './limits';
export type {
  AnswerUsage,
  Happening,
  Listening,
  Output,
  Question,
  RateLimit,
  Turn,
  Voicing,
  Wish,
} from './ports';
export { RealtimeFailure } from './realtime-error';
export { RealtimeSession, type SessionOptions } from './session';
export {
  described,
  newSession,
  type SessionConfig,
  TIMINGS,
  type TurnDetection,
  updated,
} from './session-config';
