import type { Transcript, TranscriptPart } from '@zen/contracts';

/** All final transcripts of one file, in order. */
export interface Heard {
  text: string;
  /** ISO 639-1; empty for silence. */
  language: string;
  seconds: number;
  segments: TranscriptPart[];
  words: TranscriptPart[];
}

export function heardOf(transcripts: readonly Transcript[]): Heard {
  return {
    text: transcripts
      .map(({ text }) => text.trim())
      .filter((text) => text !== '')
      .join(' '),
    language: transcripts.find(({ language }) => language !== '')?.language ?? '',
    seconds: Math.max(0, ...transcripts.map(({ endMs }) => Number(endMs))) / 1000,
    segments: transcripts.flatMap(({ segments }) => segments),
    words: transcripts.flatMap(({ words }) => words),
  };
}

/** OpenAI bills transcripts by the second, rounded up. */
export function usageOf({ seconds }: Heard) {
  return { type: 'duration' as const, seconds: Math.ceil(seconds) };
}

export function verboseBody(
  heard: Heard,
  task: string,
  temperature: number,
  words: boolean,
  segments: boolean,
) {
  return {
    task,
    language: languageName(heard.language),
    duration: heard.seconds,
    text: heard.text,
    ...(words
      ? {
          words: heard.words.map(({ text, startMs, endMs }) => ({
            word: text.trim(),
            start: Number(startMs) / 1000,
            end: Number(endMs) / 1000,
          })),
        }
      : {}),
    ...(segments
      ? {
          segments: heard.segments.map((segment, id) => ({
            id,
            seek: 0,
            start: Number(segment.startMs) / 1000,
            end: Number(segment.endMs) / 1000,
            text: segment.text,
            tokens: [],
            temperature,
            avg_logprob: segment.logprob,
            compression_ratio: 1,
            no_speech_prob: segment.noSpeechProbability,
          })),
        }
      : {}),
    usage: usageOf(heard),
  };
}

export function srt({ segments }: Heard): string {
  return segments
    .map(
      (part, i) =>
        `${i + 1}\n${time(part.startMs, ',')} --> ${time(part.endMs, ',')}\n${part.text.trim()}\n\n`,
    )
    .join('');
}

export function vtt({ segments }: Heard): string {
  const cues = segments.map(
    (part) => `${time(part.startMs, '.')} --> ${time(part.endMs, '.')}\n${part.text.trim()}\n\n`,
  );
  return `WEBVTT\n\n${cues.join('')}`;
}

/** `00:01:02,345`. */
function time(ms: bigint, point: string): string {
  const pad = (value: bigint, digits: number) => String(value).padStart(digits, '0');
  const seconds = ms / 1000n;
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((part) => pad(part, 2));
  return `${clock.join(':')}${point}${pad(ms % 1000n, 3)}`;
}

/** As OpenAI writes it: `english`. */
function languageName(code: string): string {
  if (code === '') return '';
  return (new Intl.DisplayNames('en', { type: 'language' }).of(code) ?? code).toLowerCase();
}
