import { type Phonemizer, speakable } from '@zen/speech';
import { pauseAfter, SilenceTrim } from '../silence';
import { MAX_PHONEMES, type VoiceModel } from '../voice-model';
import type { SayRequest } from './messages';

/** Sound handed on at a time, in seconds: short enough to be early and to stop soon, long enough to cost little. */
const FIRST_PART_S = 0.08;
const PART_S = 0.32;

/**
 * A clause's sound from its text, in parts; the last one is marked and may be empty. `share`: how much of the clause is
 * said, taking each phoneme of a stretch for as long as the other.
 */
export async function* spokenClause(
  request: SayRequest,
  phonemizer: Phonemizer,
  voice: VoiceModel,
): AsyncGenerator<{ samples: Float32Array; isLast: boolean; share: number }> {
  const phonemes = await phonemizer.phonemes(speakable(request.text, request.isCode));
  const trim = new SilenceTrim(voice.sampleRate, pauseAfter(request.text) / request.speed);
  let held: Float32Array[] = [];
  let count = 0;
  let wanted = FIRST_PART_S;
  const all = stretches(phonemes);
  const length = all.reduce((sum, stretch) => sum + stretch.length, 0);
  let before = 0;
  for (const stretch of all) {
    let [expected, made] = [Number.POSITIVE_INFINITY, 0];
    const expects = (count: number) => {
      expected = count;
    };
    for await (const block of voice.say({ ...request, phonemes: stretch, expects })) {
      const samples = trim.push(block);
      made += block.length;
      held.push(samples);
      count += samples.length;
      if (count < wanted * voice.sampleRate) continue;
      const share = (before + stretch.length * Math.min(1, made / expected)) / length;
      yield { samples: concat(held, count), isLast: false, share };
      [held, count, wanted] = [[], 0, PART_S];
    }
    before += stretch.length;
  }
  const end = trim.end();
  yield { samples: concat([...held, end], count + end.length), isLast: true, share: 1 };
}

/** Cuts phonemes to what a voice says in one go, at marks where there are some, else between words. */
export function stretches(phonemes: string): string[] {
  const out: string[] = [];
  let rest = phonemes;
  while (rest.length > MAX_PHONEMES) {
    const head = rest.slice(0, MAX_PHONEMES);
    const mark = Math.max(
      ...[', ', '; ', ': ', '. ', '? ', '! ', '— '].map((one) => head.lastIndexOf(one) + 1),
    );
    const space = head.lastIndexOf(' ');
    const at = mark > MAX_PHONEMES / 4 ? mark : space > 0 ? space : MAX_PHONEMES;
    out.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  // Marks alone have no sound.
  return [...out, rest].filter((each) => /[^\s;:,.!?—…"“”()]/.test(each));
}

function concat(parts: readonly Float32Array[], length: number): Float32Array {
  const out = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
