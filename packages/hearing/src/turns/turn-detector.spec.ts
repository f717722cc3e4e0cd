import { TurnDetector, type TurnHappening, type TurnSettings } from './turn-detector';

const SETTINGS: TurnSettings = { threshold: 0.5, prefixPaddingMs: 300, silenceMs: 320, eagerness: null };

function happenings(detector: TurnDetector, probabilities: readonly number[]): [number, TurnHappening][] {
  return probabilities.flatMap((one, step) => {
    const happening = detector.push(one);
    return happening ? [[step, happening] as [number, TurnHappening]] : [];
  });
}

const times = (count: number, probability: number) => new Array<number>(count).fill(probability);

test('speech starts with the second step above the threshold, or at once where it is sure', () => {
  expect(happenings(new TurnDetector(SETTINGS), [0, 0.6, 0.6])).toEqual([
    [2, { kind: 'start', stepsBack: 2 }],
  ]);
  expect(happenings(new TurnDetector(SETTINGS), [0, 0.9])).toEqual([[1, { kind: 'start', stepsBack: 1 }]]);
  expect(happenings(new TurnDetector(SETTINGS), [0, 0.6, 0, 0.6, 0, 0.6])).toEqual([]);
});

test('it stops after the silence that was asked for, and says before that it may', () => {
  const detector = new TurnDetector(SETTINGS);
  expect(happenings(detector, [0.9, ...times(12, 0)])).toEqual([
    [0, { kind: 'start', stepsBack: 1 }],
    [5, { kind: 'pause' }],
    [10, { kind: 'stop' }],
  ]);
  expect(detector.isSpeaking).toBe(false);
});

test('a breath is no end, and what is a little less sure is still speech', () => {
  const speech = [0.9, ...times(8, 0), 0.9, ...times(8, 0), ...times(20, 0.4)];
  const kinds = happenings(new TurnDetector(SETTINGS), speech).map(([, { kind }]) => kind);
  expect(kinds).toEqual(['start', 'pause', 'pause']);
});

test('what was said moves the end; after more speech it is judged anew', () => {
  const settings: TurnSettings = { ...SETTINGS, eagerness: 'medium' };
  const stops = (text: string | null, judgeAt = 6) => {
    const detector = new TurnDetector(settings);
    for (let step = 0; step < 200; step++) {
      if (step === judgeAt && text !== null) detector.judge(text, 'en');
      if (detector.push(step === 0 ? 0.9 : 0)?.kind === 'stop') return step;
    }
    return null;
  };
  expect(stops('That is all.')).toBeLessThan(stops(null)!);
  expect(stops('I was there because')).toBeGreaterThan(stops(null)!);
  // Known only after the time that it allows: at once.
  expect(stops('That is all.', 30)).toBe(30);
  const detector = new TurnDetector(settings);
  happenings(detector, [0.9, ...times(6, 0)]);
  detector.judge('That is all.', 'en');
  expect(happenings(detector, [0.9, ...times(20, 0)]).map(([, { kind }]) => kind)).toEqual(['pause']);
});

test('forgetting ends the turn silently', () => {
  const detector = new TurnDetector(SETTINGS);
  happenings(detector, [0.9]);
  detector.reset();
  expect(happenings(detector, times(30, 0))).toEqual([]);
});
