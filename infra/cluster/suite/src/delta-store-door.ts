import { DeltaStoreServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { ServiceTokens } from '@zen/service-token';
import type { Kube } from './kube';
import { type PortForward, portForward } from './port-forward';

const PORT = 50061;
/** Longer than any test. */
const TOKEN_SECONDS = 3600;
/** As the store wants it: at most 1 MiB a message. */
const MESSAGE_BYTES = 2 ** 20;

/** One delta-store pod, spoken to over a forwarded port that ends with it, as a tenant. */
export class DeltaStoreDoor {
  private constructor(
    readonly pod: string,
    private readonly forward: PortForward,
    readonly rpc: RpcClient<typeof DeltaStoreServiceDefinition>,
    /** Metadata of every call. */
    readonly as: { metadata: Record<string, string> },
  ) {}

  static async open(kube: Kube, pod: string, key: Buffer, tenant: string): Promise<DeltaStoreDoor> {
    const forward = await portForward(kube, `pod/${pod}`, PORT);
    const token = new ServiceTokens(key).mint({ tenant, may: 'write', digest: null }, TOKEN_SECONDS);
    const as = { metadata: { authorization: `Bearer ${token}` } };
    return new DeltaStoreDoor(pod, forward, client(DeltaStoreServiceDefinition, forward.address), as);
  }

  async publish(file: Buffer): Promise<string> {
    const { delta } = await this.rpc.publish(piecesOf(file), this.as);
    return delta?.digest ?? '';
  }

  /** The file of a published delta, from `offset` of its data on. */
  async fetch(digest: string, offset = 0): Promise<{ manifest: Buffer; data: Buffer }> {
    const chunks: Buffer[] = [];
    let manifest = Buffer.alloc(0);
    for await (const message of this.rpc.fetch({ digest, offset: BigInt(offset) }, this.as)) {
      if (message.manifest.length > 0) manifest = Buffer.from(message.manifest);
      chunks.push(Buffer.from(message.chunk));
    }
    return { manifest, data: Buffer.concat(chunks) };
  }

  async close(): Promise<void> {
    this.rpc.close();
    await this.forward.close();
  }
}

/** A file in messages. */
export function* piecesOf(file: Buffer): Generator<{ chunk: Buffer }> {
  for (let at = 0; at < file.length; at += MESSAGE_BYTES) {
    yield { chunk: file.subarray(at, at + MESSAGE_BYTES) };
  }
}
