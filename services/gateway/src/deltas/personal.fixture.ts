import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DeltaContent, type DeltaModel, moduleShape, toHalf, writeDelta } from '@zen/deltas';
import { DeltaStoreProcess, PacedThinker } from '@zen/testing';
import OpenAI, { APIError } from 'openai';
import { openGateway, type Running } from '../gateway.fixture';

export const BASE = `sha256:${'ab'.repeat(32)}`;
const PLACES = { slots: 8, slotsTaken: 0, slotsPinned: 0, slotBytes: 10n ** 6n };

/** The key of a tenant with a right. */
export const keyOf = (name: string) => `zen_${name.padEnd(40, '0')}`;

/** `NAME.delta` of `hidden` features: 4 bytes of data for each. */
export function deltaFile(seed: number, { base = BASE, hidden = 64 } = {}): Buffer {
  const model: DeltaModel = { layers: 2, hidden, ffn: hidden, heads: 1, kvHeads: 1, headSize: 16 };
  const { out } = moduleShape(model, 'down');
  const v = Uint16Array.from({ length: 2 * out }, (_, at) => toHalf(((seed * 31 + at) % 997) / 1000 + 0.1));
  const content: DeltaContent = {
    base,
    recipe: 'vec',
    model,
    parts: [{ module: 'down', form: 'vec', layers: Int32Array.from([0, 1]), v }],
  };
  return writeDelta(content).file;
}

/** A thinker that takes deltas of BASE. */
export function personalThinker(options: ConstructorParameters<typeof PacedThinker>[0] = {}): PacedThinker {
  return new PacedThinker({ baseDigest: BASE, deltas: PLACES, ...options });
}

/** The real store behind gateways; keys `acme` and `rival` may everything, `ruled` is acme's with a rule for users. */
export class PersonalFleet {
  private readonly gateways: Running[] = [];

  private constructor(readonly store: DeltaStoreProcess) {}

  static async start(env: Record<string, string> = {}): Promise<PersonalFleet> {
    const store = await DeltaStoreProcess.start({ env });
    const line = (key: string, more: string) =>
      `sha256:${createHash('sha256').update(keyOf(key)).digest('hex')} ${more}`;
    const lines = [
      line('acme', 'tenant=acme deltas=admin'),
      line('rival', 'tenant=rival deltas=admin'),
      line('ruled', 'tenant=acme user-delta=users/{user}'),
    ];
    writeFileSync(join(store.folder, 'keys'), lines.join('\n'));
    return new PersonalFleet(store);
  }

  /** A gateway before these thinkers; what it starts ends with `closeGateways`. */
  async gateway(thinkers: PacedThinker[], env: Record<string, string> = {}): Promise<Running> {
    const running = await openGateway(thinkers, {
      ZEN_DELTA_STORE: this.store.address,
      ZEN_SERVICE_KEY: this.store.serviceKeyFile,
      ZEN_API_KEYS: join(this.store.folder, 'keys'),
      ZEN_RESUME_KEY: 'shared by the gateways of this test',
      ...env,
    });
    this.gateways.push(running);
    return running;
  }

  async publish(tenant: string, file: Buffer, alias?: string): Promise<string> {
    const { digest } = await this.store.publish(tenant, file);
    if (alias !== undefined) await this.point(tenant, alias, digest);
    return digest;
  }

  /** Moves an alias, whatever it stands for. */
  async point(tenant: string, name: string, digest: string): Promise<void> {
    const known = await this.store.client
      .aliasHistory({ name, pageSize: 1 }, this.store.as(tenant))
      .catch(() => ({ generations: [] }));
    const expectedGeneration = known.generations[0]?.generation ?? 0n;
    await this.store.client.setAlias({ name, digest, expectedGeneration }, this.store.as(tenant));
  }

  async closeGateways(): Promise<void> {
    await Promise.all(this.gateways.splice(0).map((running) => running.stop()));
  }

  async close(): Promise<void> {
    await this.closeGateways();
    await this.store.remove();
  }
}

export function openaiOf({ url }: Pick<Running, 'url'>, key: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: keyOf(key), maxRetries: 0 });
}

/** How a call of the official client failed. */
export async function apiError(call: Promise<unknown>): Promise<APIError> {
  const error = await call.then(
    () => new Error('it did not fail'),
    (thrown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw error;
}
