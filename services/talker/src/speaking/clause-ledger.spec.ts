import { ClauseLedger } from './clause-ledger';

const part = (textStart: number, textEnd: number, samples: number, share?: number) => ({
  textStart,
  textEnd,
  samples: new Float32Array(samples),
  isLast: share === undefined,
  ...(share === undefined ? {} : { share }),
  computeUs: 0,
});

/** Every third place ends a word. */
const wordEnd = (from: number, at: number) => Math.max(from, at - (at % 3));

test('clauses tile text and samples; a part ends at a word, where the share says, the last one at the clause', () => {
  const ledger = new ClauseLedger(wordEnd);
  expect(ledger.enter(part(0, 5, 100))).toEqual({
    index: 0,
    textStart: 0,
    textEnd: 5,
    clauseEnd: 5,
    firstSample: 0,
    samples: 100,
  });
  const parts = [part(5, 25, 10, 0.1), part(5, 25, 20, 0.5), part(5, 25, 30, 0.51), part(5, 25, 0)];
  expect(parts.map((one) => ledger.enter(one))).toEqual([
    { index: 1, textStart: 5, textEnd: 6, clauseEnd: 25, firstSample: 100, samples: 10 },
    { index: 2, textStart: 6, textEnd: 15, clauseEnd: 25, firstSample: 110, samples: 20 },
    { index: 3, textStart: 15, textEnd: 15, clauseEnd: 25, firstSample: 130, samples: 30 },
    { index: 4, textStart: 15, textEnd: 25, clauseEnd: 25, firstSample: 160, samples: 0 },
  ]);
  // A voice that says no share is taken to be at the clause's beginning until its end.
  const silent = { ...part(25, 31, 7, 0), share: undefined };
  expect(ledger.enter(silent as never)).toMatchObject({ textStart: 25, textEnd: 25, firstSample: 160 });
  expect(ledger.enter(part(25, 31, 1))).toMatchObject({ textStart: 25, textEnd: 31, firstSample: 167 });
  expect([ledger.samples, ledger.textEnd]).toEqual([168, 31]);
});

test.each([
  ['a gap', [part(0, 3, 1), part(4, 6, 1)], 'the voice made 4 to 6 after 3'],
  ['something twice', [part(0, 3, 1), part(2, 6, 1)], 'the voice made 2 to 6 after 3'],
  ['backwards', [part(0, -1, 1)], 'the voice made 0 to -1 after 0'],
  ['another clause inside one', [part(0, 3, 1, 0.5), part(3, 6, 1)], 'the voice made 3 to 6 inside 0 to 3'],
])('a voice that makes %s is found out', (_, parts, message) => {
  const ledger = new ClauseLedger(wordEnd);
  expect(() => parts.map((one) => ledger.enter(one))).toThrow(message);
});
