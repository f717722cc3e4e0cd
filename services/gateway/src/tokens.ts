/** What the module provides; services/gateway/src/app.module.ts says how each is made. */
export const COMPLETION_HANDLER = Symbol('CompletionHandler');
export const FLEET = Symbol('Fleet');
export const GATE = Symbol('Gate');
export const METRICS = Symbol('GatewayMetrics');
export const CHAT_SCHEMA = Symbol('chatSchema');
export const PAGE = Symbol('PageFiles');
export const PROGRESS = Symbol('ProgressHub');
export const QUEUE = Symbol('FrontQueue');
export const RUNGS = Symbol('RungReport');
export const STALL_MS = Symbol('stallMs');
export const DELTA_DESK = Symbol('delta-desk');
export const DELTA_LIMITS = Symbol('delta-limits');
export const TALKERS = Symbol('Talkers');
export const SPEECH_HANDLER = Symbol('SpeechHandler');
export const TRANSCRIPTION_HANDLER = Symbol('TranscriptionHandler');
export const ORIGINS = Symbol('corsOrigins');
export const CLIENT_SECRETS = Symbol('ClientSecrets');
