import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deltaModel } from '@zen/deltas';
import { openLadder } from '@zen/ladder';
import { DeltaStoreProcess } from '@zen/testing';
import { type BenchReport, bar, type Row, report } from '../report';
import { seeded } from '../routing/requests';
import { agent } from '../stream-timing';
import { chosen, ladderOf } from '../subjects';
import { access } from './access';
import { cliff } from './cliff';
import { Fleet } from './fleet';
import { noise } from './noise';
import { uniform, zipf } from './picks';
import { publishAll, readSome } from './store-load';
import type { Population } from './synthetic-deltas';

const REPLICAS = 3;
/** Of each replica. All tiers are small against 100,000 deltas, as they are where there are many more users than memory. */
const SLOTS = 16;
const HOST = '8MiB';
const DISK = '64MiB';
/** Bytes on disk for each delta, the store's own notes included, with room to spare. */
const BYTES_EACH = 80_000;

interface Size {
  deltas: number;
  perTenant: number;
  reads: number;
  warm: number;
  requests: number;
}
const WHOLE: Size = { deltas: 100_000, perTenant: 1000, reads: 4000, warm: 1500, requests: 1500 };
const QUICK: Size = { deltas: 1000, perTenant: 200, reads: 200, warm: 60, requests: 120 };

/**
 * 100,000 deltas of the sizes of real ones in a real delta-store, and three real thinkers behind a gateway that use them.
 * `--quick` for 1,000; `--deltas N` for another number.
 */
export async function deltaScale(argv: string[]): Promise<BenchReport> {
  const size = sizeOf(argv);
  const subject = chosen(argv)[0]!;
  const ladder = ladderOf(subject);
  const { config } = await openLadder(ladder);
  const population: Population = {
    base: `sha256:${config.source.tensorsSha256}`,
    model: deltaModel(config.model),
    perTenant: size.perTenant,
  };
  const folder = mkdtempSync(join(tmpdir(), 'zen-delta-scale-'));
  const closing: { stop(): Promise<void> }[] = [];
  try {
    needRoom(size.deltas * BYTES_EACH);
    const store = await DeltaStoreProcess.start({
      env: {
        ZEN_DELTA_QUOTA_BYTES: '1GiB',
        ZEN_DELTA_QUOTA_VERSIONS: '10000',
        ZEN_DELTA_QUOTA_PUBLISHES: '100000',
        ZEN_DELTA_GRACE: '24h',
        ZEN_LOG_LEVEL: 'info',
      },
    });
    closing.push({ stop: () => store.remove() });
    const published = await publishAll(store, population, size.deltas);
    const { digests } = published;
    const rows: Row[] = [published.row, ...(await readSome(store, population, digests, size.reads))];

    const fleet = await Fleet.start({
      ladder,
      model: subject.name,
      store: store.address,
      serviceKey: store.serviceKeyFile,
      tenants: Math.ceil(size.deltas / size.perTenant),
      replicas: REPLICAS,
      slots: SLOTS,
      folder,
      hostBytes: HOST,
      diskBytes: DISK,
    });
    closing.push(fleet);
    const { warm, requests: count } = size;
    for (const [law, pick] of [
      ['Zipf 1.0', zipf(size.deltas, 1, seeded(1))],
      ['random', uniform(size.deltas, seeded(2))],
    ] as const) {
      const row = await access(fleet, population, digests, { law, pick, warm, count });
      console.error(JSON.stringify(row));
      rows.push(row);
    }
    const one = { process: fleet.thinkers[0]!, probe: fleet.probes[0]!, slots: SLOTS };
    const all = { store, population, digests };
    const curve = await cliff(one, all, Math.ceil(count / 4));
    const quiet = await noise(one, all, Math.ceil(count / 4));
    const figure = (row: Row | undefined, column: string) => Number(row?.[column]);
    const rate = (at: number) => figure(curve.at(at), 'requests/s');
    return report(
      'delta-scale',
      [...rows, ...curve, ...quiet],
      [
        // Another server fell to a 44th one delta past its slots.
        bar('delta-scale.cliff.ratio', rate(-1) / rate(0), 0.5, 'higher'),
        bar('delta-scale.noise.hits', figure(quiet[1], 'hits in slots'), 0.95, 'higher'),
      ],
    );
  } finally {
    agent.destroy();
    for (const one of closing.reverse()) await one.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizeOf(argv: string[]): Size {
  const size = argv.includes('--quick') ? QUICK : WHOLE;
  const at = argv.indexOf('--deltas');
  if (at < 0) return size;
  const deltas = Number(argv[at + 1]);
  if (!Number.isInteger(deltas) || deltas < 1000 || deltas > 1_000_000) {
    throw new Error('--deltas must be a whole number from 1,000 to 1,000,000');
  }
  return { ...size, deltas };
}

function needRoom(bytes: number): void {
  const { bavail, bsize } = statfsSync(tmpdir());
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new Error(`${tmpdir()} needs ${bytes / 1e9} GB, ${free / 1e9} are free: use --deltas or TMPDIR`);
}
