import { VersionClock } from './version-clock';
import { WriterLease } from './writer-lease';

describe('a writer lease', () => {
  test('a router that hears of nobody plans at once', () => {
    expect(new WriterLease(9000, () => 0).mayWrite(0)).toBe(true);
  });

  test('one that hears of another waits until the lease has passed since that one spoke, and a time of its own', () => {
    const lease = new WriterLease(9000, () => 0.5);
    lease.heard(1000, 2000);
    expect(lease.mayWrite(9499)).toBe(false);
    expect(lease.mayWrite(9500)).toBe(true);
    lease.heard(9500, 0);
    expect(lease.mayWrite(19_999)).toBe(false);
    expect(lease.mayWrite(20_000)).toBe(true);
  });

  test('what was said long ago binds nobody', () => {
    const lease = new WriterLease(9000, () => 0.99);
    lease.heard(1000, 9000);
    expect(lease.mayWrite(1000)).toBe(true);
  });
});

describe('versions', () => {
  test('rise with time and without it, and above whatever was heard', () => {
    let now = 1_000_000;
    const clock = new VersionClock(7, () => now);
    const versions = [clock.next(), clock.next()];
    now += 5000;
    versions.push(clock.next());
    now -= 60_000;
    versions.push(clock.next());
    clock.heard(2n ** 60n);
    versions.push(clock.next(), clock.next());
    for (const [at, version] of versions.entries()) {
      expect(version % 1024n).toBe(7n);
      if (at > 0) expect(version).toBeGreaterThan(versions[at - 1]!);
    }
    expect(versions[0]! >> 10n).toBe(1_000_000n);
  });

  test('two routers never give the same', () => {
    const [a, b] = [1, 2].map((owner) => new VersionClock(owner, () => 5));
    const given = [a!.next(), b!.next(), a!.next(), b!.next()];
    expect(new Set(given).size).toBe(4);
  });

  test('tell their age, and none is younger than now', () => {
    let now = 1000;
    const clock = new VersionClock(0, () => now);
    const version = clock.next();
    now = 4000;
    expect(clock.ageMs(version)).toBe(3000);
    now = 500;
    expect(clock.ageMs(version)).toBe(0);
  });
});
