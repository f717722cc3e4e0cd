import type { ListenResponse, TranscriptPart as PartMessage } from '@zen/contracts';
import type { Heard, TranscriptPart } from '@zen/hearing';

export function toResponse(heard: Heard): ListenResponse {
  switch (heard.kind) {
    case 'speech-started':
      return { event: { $case: 'speechStarted', value: positioned(heard) } };
    case 'speech-stopped':
      return { event: { $case: 'speechStopped', value: positioned(heard) } };
    case 'transcript':
      return {
        event: {
          $case: 'transcript',
          value: {
            utterance: heard.utterance,
            text: heard.text,
            final: heard.final,
            stableLength: heard.stableLength,
            language: heard.language,
            startMs: BigInt(heard.startMs),
            endMs: BigInt(heard.endMs),
            tag: heard.tag,
            segments: heard.segments.map(toPart),
            words: heard.words.map(toPart),
            computeUs: BigInt(heard.computeUs),
            logprob: heard.logProbability,
            noSpeechProbability: heard.noSpeechProbability,
          },
        },
      };
  }
}

function positioned({ positionMs, utterance }: { positionMs: number; utterance: number }) {
  return { positionMs: BigInt(positionMs), utterance };
}

function toPart({ text, startMs, endMs, logProbability, noSpeechProbability }: TranscriptPart): PartMessage {
  return {
    text: text.trim(),
    startMs: BigInt(startMs),
    endMs: BigInt(endMs),
    logprob: logProbability,
    noSpeechProbability,
  };
}
