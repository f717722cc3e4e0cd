import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@zen/config';
import { type DeltaRef, ThinkerServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { type DeltaStoreProcess, deltaStoreMissing, packedLadder, randomDelta } from '@zen/testing';
import { settings } from '../config';
import { openModel } from '../serving/open-model';
import { type Answer, collect } from '../simulated-thinker.fixture';
import { startThinker, type Thinker } from '../thinker';
import type { ServedDeltas } from './served-deltas';

type Client = RpcClient<typeof ThinkerServiceDefinition>;
export type Asked = Parameters<Client['generate']>[0];

const ladder = packedLadder();
export const ladderFolder = 'folder' in ladder ? ladder.folder : '';

/** Why a thinker with deltas cannot be had here; null where it can. */
export function deltaThinkerMissing(): string | null {
  return 'missing' in ladder ? ladder.missing : deltaStoreMissing();
}

export interface PublishedDelta {
  tenant: string;
  digest: string;
  file: Buffer;
}

/** SmolLM2 in this process, with deltas from a store of its own process. */
export class DeltaThinker {
  private constructor(
    readonly thinker: Thinker,
    readonly client: Client,
    private readonly store: DeltaStoreProcess,
    readonly home: string,
    readonly logs: string[],
    private readonly ownHome: boolean,
  ) {}

  /** `home`: the cache of a node that has one already. */
  static async start(
    store: DeltaStoreProcess,
    env: Record<string, string> = {},
    home?: string,
  ): Promise<DeltaThinker> {
    const own = home ?? mkdtempSync(join(tmpdir(), 'zen-deltas-'));
    const all = {
      ZEN_LADDER: ladderFolder,
      ZEN_HOME: own,
      ZEN_LISTEN: '127.0.0.1:0',
      ZEN_PROBE_LISTEN: '127.0.0.1:0',
      ZEN_THREADS: '2',
      ZEN_KV_BYTES: '64MiB',
      ZEN_CONTEXT_TOKENS: '1024',
      ZEN_SCRUB_RATE: '0',
      ZEN_GRACE: '5s',
      ZEN_DELTA_STORE: store.address,
      ZEN_SERVICE_KEY: store.serviceKeyFile,
      ...env,
    };
    const logs: string[] = [];
    const logger = createLogger('thinker', 'info', { write: (line) => void logs.push(line) });
    const config = readConfig(settings, all);
    const thinker = await startThinker(config, openModel(config, all), logger, all);
    await thinker.climbed;
    const connection = client(ThinkerServiceDefinition, thinker.address);
    return new DeltaThinker(thinker, connection, store, own, logs, home === undefined);
  }

  get deltas(): ServedDeltas {
    const deltas = this.thinker.replica.serving?.deltas;
    if (!deltas) throw new Error('this thinker takes no deltas');
    return deltas;
  }

  /** A delta over this thinker's base that changes its answers, published. */
  async publish(
    tenant: string,
    seed: number,
    over: Partial<Parameters<typeof randomDelta>[0]> = {},
  ): Promise<PublishedDelta> {
    const { model } = this.thinker.replica.require();
    const recipe = 'lora1' as const;
    const made = randomDelta({
      base: model.baseDigest,
      model: model.shape,
      recipe,
      scale: 2 ** -6,
      seed,
      ...over,
    });
    await this.store.publish(tenant, made.file);
    return { tenant, ...made };
  }

  /** How a request names a delta; the token is good for a minute. */
  ref({ tenant, digest }: Pick<PublishedDelta, 'tenant' | 'digest'>): DeltaRef {
    return { digest, token: this.store.tokens.mint({ tenant, may: 'read', digest }, 60) };
  }

  ask(request: Asked): Promise<Answer> {
    return collect(this.client.generate(request));
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://${this.thinker.probeAddress}/metrics`)).text();
  }

  /** One metric's value; 0 where it has none yet. */
  async metric(line: string): Promise<number> {
    const found = (await this.metrics()).split('\n').find((one) => one.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.split(' ').at(-1));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.thinker.stop();
    if (this.ownHome) rmSync(this.home, { recursive: true, force: true });
  }
}

/** An answer that goes on until it is told to stop. */
export class RunningAnswer {
  readonly tokenIds: number[] = [];
  private readonly stopping = new AbortController();
  /** Settles with the answer's end. */
  readonly ended: Promise<void>;

  constructor(client: Client, request: Asked) {
    this.ended = this.read(client, request);
    this.ended.catch(() => undefined);
  }

  private async read(client: Client, request: Asked): Promise<void> {
    for await (const { event } of client.generate(request, { signal: this.stopping.signal })) {
      if (event?.$case === 'piece') this.tokenIds.push(...event.value.tokenIds);
    }
  }

  /** Resolves when it has said something. */
  async begun(): Promise<this> {
    await until(() => this.tokenIds.length > 0);
    return this;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended.catch(() => undefined);
  }
}

/** Resolves once it is so. */
export async function until(so: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise((resolve) => setTimeout(resolve, 20));
}

export const prompt = (text: string) => ({ $case: 'text' as const, value: text });

/** Greedy and without an end of its own. */
export const greedy = (text: string, maxTokens: number): Asked => ({
  prompt: prompt(text),
  maxTokens,
  sampling: { temperature: 0, ignoreEos: true },
});
