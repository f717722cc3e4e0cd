import { Transcript } from '@zen/contracts';
import { TranscriptDeltas } from './transcript-deltas';
import { heardOf, srt, usageOf, verboseBody, vtt } from './transcript-format';

const part = (text: string, startMs: number, endMs: number) => {
  return { text, startMs: BigInt(startMs), endMs: BigInt(endMs), logprob: -0.5, noSpeechProbability: 0.25 };
};
const heard = heardOf([
  Transcript.fromPartial({
    text: ' One two.',
    language: 'en',
    endMs: 1500n,
    segments: [part(' One two.', 0, 1500)],
  }),
  Transcript.fromPartial({ text: '' }),
  Transcript.fromPartial({
    text: 'Three.',
    language: 'en',
    endMs: 3_723_004n,
    segments: [part(' Three.', 1600, 3_723_004)],
    words: [part(' Three.', 1600, 3_723_004)],
  }),
]);

test('all that was said, how long it took', () => {
  expect(heard).toMatchObject({ text: 'One two. Three.', language: 'en', seconds: 3723.004 });
  expect(usageOf(heard)).toEqual({ type: 'duration', seconds: 3724 });
  expect(heardOf([])).toMatchObject({ text: '', language: '', seconds: 0 });
});

test('subtitles', () => {
  expect(srt(heard)).toBe(
    '1\n00:00:00,000 --> 00:00:01,500\nOne two.\n\n2\n00:00:01,600 --> 01:02:03,004\nThree.\n\n',
  );
  expect(vtt(heard)).toMatch(/^WEBVTT\n\n00:00:00\.000 --> 00:00:01\.500\nOne two\.\n\n/);
});

test('in full, with what was asked for', () => {
  const full = verboseBody(heard, 'transcribe', 0.5, true, true);
  expect(full).toMatchObject({ task: 'transcribe', language: 'english', duration: 3723.004 });
  expect(full).toMatchObject({ words: [{ word: 'Three.', start: 1.6, end: 3723.004 }] });
  expect(full).toMatchObject({
    segments: [
      { id: 0, start: 0, end: 1.5, avg_logprob: -0.5, no_speech_prob: 0.25, temperature: 0.5 },
      { id: 1 },
    ],
  });
  expect(verboseBody(heard, 'translate', 0, false, false)).not.toHaveProperty('words');
});

test('of partial transcripts only what stays is said, and all of it once', () => {
  const deltas = new TranscriptDeltas();
  const next = (text: string, stableLength: number, final = false) =>
    deltas.next(Transcript.fromPartial({ text, stableLength, final }));
  expect(next('The quack', 4)).toBe('The ');
  expect(next('The quick brown', 10)).toBe('quick ');
  expect(next('The quick brown', 10)).toBe('');
  expect(next('The quick brown fox.', 0, true)).toBe('brown fox.');
  expect(next('It', 0)).toBe('');
  expect(next('It jumps.', 3)).toBe(' It ');
  expect(next('It jumps.', 0, true)).toBe('jumps.');
});
