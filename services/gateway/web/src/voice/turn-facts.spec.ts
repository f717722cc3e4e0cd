import { turnFacts } from './turn-facts';

test('says what answered and when each step was there, as far as it is known', () => {
  expect(turnFacts({ facts: null, heardMs: null })).toEqual([]);
  const timings = { transcript_ms: 0, first_token_ms: 95.2, first_audio_ms: 1312 };
  const facts = { stage: 1, stage_reason: 'load', voice_quality: 'reduced' as const, timings };
  expect(turnFacts({ facts, heardMs: 1350 })).toEqual([
    ['Stage', '1', 'lowered by load'],
    ['Voice', 'reduced', 'lowered by load'],
    ['Understood', '0.0 ms'],
    ['First token', '95 ms'],
    ['First audio', '1.3 s'],
    ['Heard', '1.4 s'],
  ]);
});
