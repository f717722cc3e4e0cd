import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Delta, DeltaStoreServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { type Grant, ServiceTokens } from '@zen/service-token';
import { type ServiceProcess, serviceMissing, startService } from './service-process';

const CHUNK_BYTES = 256 * 1024;

/** Why no delta-store can be started here; null where one can. */
export function deltaStoreMissing(): string | null {
  return serviceMissing('delta-store');
}

export interface DeltaStoreProcessOptions {
  /** Settings beyond those of a folder of its own, a key and a free port; '' takes one away. */
  env?: Readonly<Record<string, string>>;
}

/** The real delta-store in a process of its own, on a folder that it keeps over restarts, and its client. */
export class DeltaStoreProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'zen-delta-store-'));
  /** Value of ZEN_SERVICE_KEY for those who shall talk to it. */
  readonly serviceKeyFile = join(this.folder, 'service.key');
  readonly storage = join(this.folder, 'storage');
  readonly tokens: ServiceTokens;
  private process: ServiceProcess | undefined;
  private connection: RpcClient<typeof DeltaStoreServiceDefinition> | undefined;
  /** `host:port`; kept over restarts. */
  address = '127.0.0.1:0';
  /** `host:port` of /metrics. */
  probeAddress = '';

  private constructor(private readonly options: DeltaStoreProcessOptions) {
    const key = randomBytes(32).toString('hex');
    writeFileSync(this.serviceKeyFile, key);
    writeFileSync(join(this.folder, 'master.key'), randomBytes(32).toString('hex'));
    this.tokens = new ServiceTokens(Buffer.from(key));
  }

  static async start(options: DeltaStoreProcessOptions = {}): Promise<DeltaStoreProcess> {
    const store = new DeltaStoreProcess(options);
    await store.start();
    return store;
  }

  get client(): RpcClient<typeof DeltaStoreServiceDefinition> {
    this.connection ??= client(DeltaStoreServiceDefinition, this.address);
    return this.connection;
  }

  /** Starts it again where it was. */
  async start(): Promise<void> {
    this.process = await startService('delta-store', {
      ZEN_DELTA_STORAGE: this.storage,
      ZEN_SERVICE_KEY: this.serviceKeyFile,
      ZEN_MASTER_KEY: join(this.folder, 'master.key'),
      ZEN_LISTEN: this.address,
      ZEN_PROBE_LISTEN: '127.0.0.1:0',
      ...this.options.env,
    });
    this.address = this.process.address;
    this.probeAddress = this.process.probeAddress;
  }

  /** Call options with a token of a minute. */
  as(tenant: string | null, may: Grant['may'] = 'write'): { metadata: Record<string, string> } {
    const token = this.tokens.mint({ tenant, may, digest: null }, 60);
    return { metadata: { authorization: `Bearer ${token}` } };
  }

  /** Publishes a delta file as a tenant. */
  async publish(tenant: string, file: Uint8Array): Promise<Delta> {
    function* chunks() {
      for (let at = 0; at < file.byteLength; at += CHUNK_BYTES) {
        yield { chunk: Buffer.from(file.subarray(at, at + CHUNK_BYTES)) };
      }
    }
    const { delta } = await this.client.publish(chunks(), this.as(tenant));
    return delta!;
  }

  /** Ends the process; its folder stays. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    return this.process?.end(signal) ?? 0;
  }

  /** Ends it and removes everything. */
  async remove(): Promise<void> {
    this.connection?.close();
    await this.end('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
