export { AUDIO_SAMPLE_RATE, AudioEncoder, type AudioEncoderStream, logMel } from './audio/audio-encoder';
export type { AudioRows, AudioShape } from './audio/native-audio';
export { EngineError, type EngineFailure } from './engine-error';
export { GREEDY } from './greedy';
export { loadEngine } from './load-engine';
export * from './native';
export type * from './native-experts';
export * from './quant';
export type {
  PromptRows,
  SpeechFrame,
  TalkerOptions,
  TalkerShape,
  TalkerVoice,
} from './talker/native-talker';
export { TALKER_SAMPLE_RATE, Talker, type TalkerSpeech } from './talker/talker';
