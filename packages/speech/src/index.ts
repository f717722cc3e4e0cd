export type {
  SpeechEngine,
  SpeechOptions,
  SpeechSession,
  SpokenClause,
  TalkerPrompt,
  VoiceInfo,
  VoiceQuality,
} from './speech-engine';
export { SPEECH_FAILURES, SpeechError, type SpeechFailure } from './speech-error';
