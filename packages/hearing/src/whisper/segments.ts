import type { TranscriptPart } from './transcript';
import type { WhisperTokens } from './whisper-tokens';

/** Tokens of a window with how likely each is. */
export interface Spoken {
  ids: readonly number[];
  logProbabilities: readonly number[];
  noSpeechProbability: number;
}

/** The stretches between pairs of times. @param endMs of the window's audio, where a last time is missing */
export function segmentsOf(tokens: WhisperTokens, spoken: Spoken, endMs: number): TranscriptPart[] {
  const segments: TranscriptPart[] = [];
  let startMs = 0;
  let ids: number[] = [];
  let logs: number[] = [];
  const close = (end: number) => {
    const text = tokens.text(ids);
    if (text.trim() !== '') {
      segments.push({
        text,
        startMs: Math.min(startMs, endMs),
        endMs: Math.min(end, endMs),
        logProbability: mean(logs),
        noSpeechProbability: spoken.noSpeechProbability,
      });
    }
    ids = [];
    logs = [];
  };
  spoken.ids.forEach((id, i) => {
    if (tokens.isStamp(id)) {
      const atMs = Math.round(1000 * tokens.seconds(id));
      if (ids.length > 0) close(atMs);
      startMs = atMs;
    } else {
      ids.push(id);
      logs.push(spoken.logProbabilities[i]!);
    }
  });
  if (ids.length > 0) close(endMs);
  return segments;
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
