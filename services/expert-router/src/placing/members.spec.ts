import type { PodLink } from '../pods/pod-link';
import { artifactOf, membersOf } from './members';

const link = (digest: string, change: object = {}): PodLink =>
  ({
    address: 'a:1',
    up: true,
    leaving: false,
    downSince: 0,
    last: { artifactDigest: digest, layers: 2, experts: 4, draining: false },
    ...change,
  }) as unknown as PodLink;

const moment = { nowMs: 1000, lostMs: 300 };

test('what most pods have is placed, and goes on being placed while any has it', () => {
  const [x, y] = [link('x'), link('y')];
  const of = (links: PodLink[], before: ReturnType<typeof artifactOf>) =>
    artifactOf(links, before, moment)?.digest;
  expect(of([x, y, y], null)).toBe('y');
  expect(of([y, x], null)).toBe('x');
  expect(of([x, y, y], artifactOf([x], null, moment))).toBe('x');
  expect(of([y, y], artifactOf([x], null, moment))).toBe('y');
  // One that is gone for good does not hold the others back; where nobody is there, nothing changes.
  const gone = link('x', { up: false, downSince: 100 });
  expect(of([gone, y], artifactOf([x], null, moment))).toBe('y');
  expect(of([gone], artifactOf([x], null, moment))).toBe('x');
  expect(of([link('', { last: null })], null)).toBeUndefined();
});

test.each<[string, object, boolean | undefined]>([
  ['there', {}, true],
  ['down for a moment', { up: false, downSince: 900 }, true],
  ['down for long', { up: false, downSince: 100 }, false],
  ['not named any more', { leaving: true }, false],
  ['draining', { last: { artifactDigest: 'x', layers: 2, experts: 4, draining: true } }, false],
  ['of another shape', { last: { artifactDigest: 'x', layers: 3, experts: 4 } }, undefined],
  ['of another artifact', { last: { artifactDigest: 'y', layers: 2, experts: 4 } }, undefined],
])('a pod that is %s', (_, change, stays) => {
  const members = membersOf([link('x', change)], { digest: 'x', layers: 2, experts: 4 }, moment);
  expect(members[0]?.stays).toBe(stays);
});
