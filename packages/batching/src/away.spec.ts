import { alone, Harness, request } from './harness.fixture';
import type { StepItem } from './step-backend';

/** A model whose experts are away for exact items for as long as it is told so. */
function lacking() {
  const now = { away: true };
  const experts = ({ expertFloor }: StepItem) => {
    if (!now.away) return { standIn: 0, without: 0 };
    if (expertFloor === 'exact') return 'away' as const;
    return expertFloor === 'standIn' ? { standIn: 2, without: 0 } : { standIn: 0, without: 1 };
  };
  return { now, experts, harness: new Harness({}, { experts }) };
}

const steps = async (harness: Harness, count: number) => {
  for (let i = 0; i < count; i++) await harness.step();
};

describe('an expert that is away', () => {
  test('a fall is counted for whom it befell, the default a stand-in, token by token', async () => {
    const { harness } = lacking();
    const standIn = harness.submit(request(20, 3));
    const without = harness.submit(request(21, 3, { expertFloor: 'without' }));
    await harness.drain();
    // The prompt in one step, two tokens in two more.
    expect(standIn.finished?.expertFalls).toEqual({ standIn: 6, without: 0 });
    expect(without.finished?.expertFalls).toEqual({ standIn: 0, without: 3 });
    expect(standIn.falls).toEqual([2, 4, 6]);
  });

  test('exact: leaves the batch to the others, comes back with the placement, and is whole', async () => {
    const { now, harness } = lacking();
    now.away = false;
    const exact = harness.submit(request(40, 12, { expertFloor: 'exact' }));
    await steps(harness, 4);
    now.away = true;
    const before = exact.tokens.length;
    const other = harness.submit(request(30, 6));
    await harness.step();
    expect(harness.scheduler.load()).toMatchObject({ away: 1, running: 1 });
    await steps(harness, 3);
    expect(exact.tokens).toHaveLength(before);
    now.away = false;
    harness.scheduler.expertsMoved();
    const planned: number[] = [];
    harness.onPlan = ({ items }) => planned.push(...items.map(({ tokens }) => tokens.length));
    await harness.step();
    // It kept its KV: one token each.
    expect(planned).toEqual([1, 1]);
    await harness.drain();
    expect(exact.tokens).toEqual(await alone(exact.request));
    expect(exact.finished?.expertFalls).toEqual({ standIn: 0, without: 0 });
    expect(other.tokens).toEqual(await alone(other.request));
    expect(harness.backend.sequences).toBe(0);
  });

  test('is tried again by itself, less and less often', async () => {
    const { now, harness } = lacking();
    const exact = harness.submit(request(10, 2, { expertFloor: 'exact' }));
    const tries: number[] = [];
    harness.onPlan = () => tries.push(harness.nowUs);
    for (let i = 0; i < 8; i++) {
      expect(await harness.step()).toBe(true);
      expect(await harness.step()).toBe(false);
      harness.nowUs = harness.scheduler.nextDeadlineUs();
    }
    const waits = tries.slice(1).map((at, i) => Math.round((at - (tries[i] as number)) / 10_000) / 100);
    expect(waits).toEqual([0.05, 0.1, 0.2, 0.4, 0.8, 1, 1]);
    now.away = false;
    await harness.drain();
    expect(exact.tokens).toEqual(await alone(exact.request));
  });

  test('until the deadline: then it ends by name, not as an answer cut short', async () => {
    const { harness } = lacking();
    const exact = harness.submit(request(10, 2, { expertFloor: 'exact', deadlineUs: 300_000 }));
    await harness.step();
    expect(harness.scheduler.nextDeadlineUs()).toBeLessThan(300_000);
    harness.nowUs = 300_000;
    await harness.step();
    expect(exact.error).toMatchObject({ failure: 'expert-away' });
    expect(exact.finished).toBeNull();
    await harness.drain();
    expect(harness.backend.sequences).toBe(0);
  });

  test('gives its KV to those that need it, and computes it again', async () => {
    const { now, experts } = lacking();
    const small = new Harness({}, { blocksTotal: 6, experts });
    now.away = false;
    const exact = small.submit(request(40, 12, { expertFloor: 'exact' }));
    await steps(small, 3);
    now.away = true;
    await small.step();
    const other = small.submit(request(60, 8, { expertFloor: 'without' }));
    for (let i = 0; i < 40 && other.finished === null; i++) await small.step();
    expect(other.tokens).toHaveLength(8);
    expect(small.scheduler.load().preemptions).toBeGreaterThan(0);
    now.away = false;
    small.scheduler.expertsMoved();
    await small.drain();
    expect(exact.tokens).toEqual(await alone(exact.request));
  });

  test('its reader may leave while it waits', async () => {
    const { harness } = lacking();
    const exact = harness.submit(request(10, 2, { expertFloor: 'exact' }));
    await harness.step();
    exact.generation.cancel();
    await harness.drain();
    expect(exact.finished?.reason).toBe('cancelled');
    expect(harness.backend.sequences).toBe(0);
  });
});
