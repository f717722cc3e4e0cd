export type {
  SpeechEngine,
  SpeechOptions,
  SpeechSession,
  SpokenClause,
  TalkerPrompt,
  VoiceInfo,
  VoiceQuality,
} from './speech-engine';
