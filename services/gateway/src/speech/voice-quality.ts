import { VoiceQuality } from '@zen/contracts';
import type { SpeechLoad } from './talkers';

/** A talker that is this full with one call more will soon make others wait. */
const FULL = 0.75;
/** Seconds of work per second of audio above which a listener's lead melts with the next hiccup. */
const SLOW = 0.7;

/** A plainer voice under load, before anybody is refused; the answer says which it was. */
export function voiceQuality({ occupancy, realTimeFactor }: SpeechLoad, full: boolean): VoiceQuality {
  if (full || (occupancy < FULL && realTimeFactor < SLOW)) return VoiceQuality.VOICE_QUALITY_FULL;
  return VoiceQuality.VOICE_QUALITY_REDUCED;
}

/** How answers say it. */
export function qualityName(quality: VoiceQuality): 'full' | 'reduced' {
  return quality === VoiceQuality.VOICE_QUALITY_REDUCED ? 'reduced' : 'full';
}
