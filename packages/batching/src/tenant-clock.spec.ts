import { TenantClock } from './tenant-clock';

test('a tenant that was idle starts where the busy ones are', () => {
  const clock = new TenantClock();
  clock.arrive('a');
  clock.charge('a', 100);
  clock.arrive('b');
  expect(clock.time('b')).toBe(100);
});

test('a tenant that leaves and returns keeps what it owes, until the others have caught up', () => {
  const clock = new TenantClock();
  clock.arrive('a');
  clock.arrive('b');
  clock.charge('a', 100);
  clock.leave('a');
  clock.arrive('a');
  expect(clock.time('a')).toBe(100);
  clock.leave('a');
  clock.charge('b', 250);
  clock.arrive('a');
  expect(clock.time('a')).toBe(250);
});

test('when nobody is busy, everything is forgotten', () => {
  const clock = new TenantClock();
  clock.arrive('a');
  clock.arrive('a');
  clock.charge('a', 100);
  clock.leave('a');
  expect(clock.time('a')).toBe(100);
  clock.leave('a');
  clock.arrive('b');
  clock.arrive('a');
  expect([clock.time('a'), clock.time('b')]).toEqual([0, 0]);
});
