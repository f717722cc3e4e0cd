import { allows, attempt, type Circuit, CLOSED, fail, succeed } from './circuit';

const policy = { failuresToOpen: 2, openMs: 1000, maxOpenMs: 3000 };
const open: Circuit = { t: 'open', untilMs: 1000, openMs: 1000 };
const probing: Circuit = { t: 'half-open', probeSinceMs: 1000, openMs: 1000 };

describe('circuit', () => {
  const transitions: [name: string, got: Circuit, want: Circuit][] = [
    ['one failure is remembered', fail(CLOSED, 0, policy), { t: 'closed', failures: 1 }],
    ['the second opens', fail({ t: 'closed', failures: 1 }, 500, policy), { ...open, untilMs: 1500 }],
    ['a late failure does not extend it', fail(open, 999, policy), open],
    ['an attempt after that is a probe', attempt(open, 1000), probing],
    ['an attempt on a closed one changes nothing', attempt(CLOSED, 5), CLOSED],
    ['a failed probe doubles', fail(probing, 1200, policy), { t: 'open', untilMs: 3200, openMs: 2000 }],
    [
      'up to the maximum',
      fail({ ...probing, openMs: 2000 }, 1200, policy),
      { t: 'open', untilMs: 4200, openMs: 3000 },
    ],
    ['a success closes', succeed(), CLOSED],
  ];
  test.each(transitions)('%s', (_, got, want) => {
    expect(got).toEqual(want);
  });

  test.each([
    ['closed', CLOSED, 0, true],
    ['open', open, 999, false],
    ['open, time is up', open, 1000, true],
    ['half open: one probe only', probing, 1500, false],
    ['half open: a probe that never ended', probing, 2000, true],
  ] as const)('%s', (_, circuit, nowMs, want) => {
    expect(allows(circuit, nowMs)).toBe(want);
  });
});
