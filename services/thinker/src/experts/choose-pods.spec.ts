import { choosePods, type PodNeed } from './choose-pods';
import { PodPace } from './pod-pace';

const need = (at: number, pairs: number, ...pods: string[]): PodNeed<string> => ({ at, pairs, pods });
const even = (_: string, pairs: number) => 300 + 10 * pairs;

describe('choosing pods', () => {
  test('one message to a pod, whatever it has of a call', () => {
    expect(choosePods([need(2, 1, 'a'), need(0, 4, 'a'), need(1, 2, 'b')], even)).toEqual(
      new Map([
        ['a', [0, 2]],
        ['b', [1]],
      ]),
    );
  });

  test('small work stays together, large work is shared out', () => {
    const both = (pairs: number) => [0, 1, 2, 3].map((at) => need(at, pairs, 'a', 'b'));
    expect([...choosePods(both(1), even).values()]).toEqual([[0, 1, 2, 3]]);
    expect([...choosePods(both(100), even).values()].map((experts) => experts.length)).toEqual([2, 2]);
  });

  test('the one that is done first is asked, and an expert without a choice is counted in', () => {
    const slow = (pod: string, pairs: number) => (pod === 'slow' ? 5000 : 300) + 10 * pairs;
    expect(choosePods([need(0, 1, 'slow', 'a')], slow)).toEqual(new Map([['a', [0]]]));
    expect(choosePods([need(0, 1, 'a', 'b'), need(1, 200, 'a')], even).get('b')).toEqual([0]);
  });

  test('what nobody has is left out', () => {
    expect(choosePods([need(0, 1)], even).size).toBe(0);
  });
});

describe('the pace of a pod', () => {
  test('hop and arithmetic apart; work under way counts; what is old is forgotten', () => {
    const pace = new PodPace();
    pace.saw(10, 1500, 1000, 0);
    expect(pace.timeUs(10, 0)).toBe(500 + 1000);
    pace.pairsInFlight = 5;
    expect(pace.timeUs(10, 0)).toBe(500 + 1500);
    pace.pairsInFlight = 0;
    for (let i = 0; i < 40; i++) pace.saw(10, 60_000, 1000, 1000);
    const slow = pace.timeUs(10, 1000);
    expect(slow).toBeGreaterThan(50_000);
    expect(pace.timeUs(10, 61_000)).toBeLessThan(1000 + slow / 1000);
  });
});
