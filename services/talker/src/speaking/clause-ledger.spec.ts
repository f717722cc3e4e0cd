import { ClauseLedger } from './clause-ledger';

const part = (textStart: number, textEnd: number, samples: number, isLast = true) => ({
  textStart,
  textEnd,
  samples: new Float32Array(samples),
  isLast,
  computeUs: 0,
});

test('clauses tile text and samples; of a clause in parts the first has the text', () => {
  const ledger = new ClauseLedger();
  expect(ledger.enter(part(0, 5, 100))).toEqual({
    index: 0,
    textStart: 0,
    textEnd: 5,
    firstSample: 0,
    samples: 100,
  });
  const parts = [part(5, 9, 10, false), part(5, 9, 20, false), part(5, 9, 0)].map((one) => ledger.enter(one));
  expect(parts).toEqual([
    { index: 1, textStart: 5, textEnd: 9, firstSample: 100, samples: 10 },
    { index: 2, textStart: 9, textEnd: 9, firstSample: 110, samples: 20 },
    { index: 3, textStart: 9, textEnd: 9, firstSample: 130, samples: 0 },
  ]);
  expect(ledger.enter(part(9, 9, 7))).toMatchObject({ textStart: 9, firstSample: 130 });
  expect([ledger.samples, ledger.textEnd]).toEqual([137, 9]);
});

test.each([
  ['a gap', [part(0, 3, 1), part(4, 6, 1)], 'the voice made 4 to 6 after 3'],
  ['something twice', [part(0, 3, 1), part(2, 6, 1)], 'the voice made 2 to 6 after 3'],
  ['backwards', [part(0, -1, 1)], 'the voice made 0 to -1 after 0'],
  ['another clause inside one', [part(0, 3, 1, false), part(3, 6, 1)], 'the voice made 3 to 6 inside 0 to 3'],
])('a voice that makes %s is found out', (_, parts, message) => {
  const ledger = new ClauseLedger();
  expect(() => parts.map((one) => ledger.enter(one))).toThrow(message);
});
