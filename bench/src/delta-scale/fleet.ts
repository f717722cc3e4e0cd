import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGatewayProcess } from '../gateway-processes';
import { freePort, ThinkerProcess } from '../thinker-process';

export interface FleetOptions {
  ladder: string;
  model: string;
  /** Of the delta-store. */
  store: string;
  serviceKey: string;
  tenants: number;
  replicas: number;
  slots: number;
  /** An empty folder. */
  folder: string;
  hostBytes: string;
  diskBytes: string;
}

/** Thinkers with one thread each and a gateway before them, all over one delta-store. */
export class Fleet {
  private constructor(
    readonly model: string,
    readonly gateway: string,
    readonly thinkers: readonly ThinkerProcess[],
    /** `host:port` of each thinker's /metrics. */
    readonly probes: readonly string[],
    private readonly keys: ReadonlyMap<string, string>,
    private readonly stopGateway: () => void,
  ) {}

  static async start(options: FleetOptions): Promise<Fleet> {
    const shared = { ZEN_DELTA_STORE: options.store, ZEN_SERVICE_KEY: options.serviceKey };
    const thinkers: ThinkerProcess[] = [];
    const probes: string[] = [];
    try {
      for (let at = 0; at < options.replicas; at++) {
        const probe = `127.0.0.1:${await freePort()}`;
        probes.push(probe);
        const env = {
          ...shared,
          ZEN_HOME: join(options.folder, `home-${at}`),
          ZEN_PROBE_LISTEN: probe,
          ZEN_THREADS: '1',
          ZEN_KV_BYTES: '96MiB',
          ZEN_SPECULATION: 'off',
          ZEN_SCRUB_RATE: '0',
          ZEN_DELTA_SLOTS: String(options.slots),
          ZEN_DELTA_SLOT_BYTES: '128KiB',
          ZEN_DENSE_SLOTS: '0',
          ZEN_DELTA_HOST_BYTES: options.hostBytes,
          ZEN_DELTA_DISK_BYTES: options.diskBytes,
        };
        thinkers.push(await ThinkerProcess.spawn(options.ladder, env));
      }
      await Promise.all(thinkers.map((thinker) => thinker.complete()));
      const keys = new Map(
        Array.from({ length: options.tenants }, (_, at) => [
          `tenant-${at}`,
          `zen_${randomBytes(24).toString('hex')}`,
        ]),
      );
      const keyFile = join(options.folder, 'keys');
      const line = ([tenant, key]: [string, string]) =>
        `sha256:${createHash('sha256').update(key).digest('hex')} tenant=${tenant}\n`;
      writeFileSync(keyFile, [...keys].map(line).join(''), { mode: 0o600 });
      const { url, stop } = await startGatewayProcess({
        ...shared,
        ZEN_THINKERS: thinkers.map(({ address }) => address).join(','),
        ZEN_API_KEYS: keyFile,
        // Nothing is refused: what is measured is the time that deltas add.
        ZEN_MAX_QUEUE: '10m',
      });
      return new Fleet(options.model, url, thinkers, probes, keys, stop);
    } catch (error) {
      await Promise.all(thinkers.map((thinker) => thinker.stop()));
      throw error;
    }
  }

  /** The API key of a tenant. */
  keyOf(tenant: string): string {
    const key = this.keys.get(tenant);
    if (!key) throw new Error(`no key of ${tenant}`);
    return key;
  }

  async stop(): Promise<void> {
    this.stopGateway();
    await Promise.all(this.thinkers.map((thinker) => thinker.stop()));
  }
}
