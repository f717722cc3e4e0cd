import { PacedThinker } from '@zen/testing';

/** Microseconds of the machine's monotonic clock: the same in every process. */
export function clockUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Run as a child: a stand-in for the thinker whose pieces say when they were sent, one every `argv[2]` ms. */
async function main(): Promise<void> {
  const thinker = new PacedThinker({
    pieceMs: Number(process.argv[2]),
    maxRunning: 10_000,
    piece: () => String(clockUs()),
  });
  process.send?.(await thinker.start());
  process.once('disconnect', () => process.exit(0));
}

if (require.main === module) void main();
