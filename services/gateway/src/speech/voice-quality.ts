import { VoiceQuality } from '@zen/contracts';
import type { SpeechLoad } from './talkers';

/** A talker that is this full will soon make others wait. */
const FULL = 0.75;
/** Seconds of work per second of audio above which the leads of several listeners melt. Of one alone it says little. */
const SLOW = 0.7;

/** A plainer voice under load, before anybody is refused; the answer says which it was. */
export function voiceQuality({ occupancy, calls, realTimeFactor }: SpeechLoad, full: boolean): VoiceQuality {
  const busy = occupancy >= FULL || (calls > 0 && realTimeFactor >= SLOW);
  return busy && !full ? VoiceQuality.VOICE_QUALITY_REDUCED : VoiceQuality.VOICE_QUALITY_FULL;
}

/** How answers say it. */
export function qualityName(quality: VoiceQuality): 'full' | 'reduced' {
  return quality === VoiceQuality.VOICE_QUALITY_REDUCED ? 'reduced' : 'full';
}
