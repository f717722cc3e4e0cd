import type { Answer } from '../../answer/answer';
import type { SpeechLoad } from '../../speech/talkers';

/**
 * By load the model's stage falls first, as the gateway decides for every answer. Only after it, or where calls already
 * wait for every talker, may the voice become plainer. `isWished`: by `x-zen-quality: full`.
 */
export function keepsFullVoice(
  reason: Answer['reason'],
  load: SpeechLoad | undefined,
  isWished: boolean,
): boolean {
  return isWished || (reason !== 'load' && (load?.occupancy ?? 0) <= 1);
}
