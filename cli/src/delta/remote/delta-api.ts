import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type GatewayApi, GatewayRefusal } from '../../gateway-api';

/** As the gateway shows them. */
export interface RemoteDelta {
  id: string;
  recipe: string;
  base_digest: string;
  bytes: number;
  created: number;
}

export interface RemoteAlias {
  name: string;
  digest: string | null;
  generation: number;
  changed?: number;
}

interface Page<T> {
  data: T[];
  next: string | null;
}

/** The deltas of the key's tenant, behind a gateway. */
export class DeltaApi {
  constructor(private readonly gateway: GatewayApi) {}

  /** Sends a file as it is read. `onBytes` is told how much has gone. */
  async publish(path: string, onBytes: (sent: number, total: number) => void): Promise<RemoteDelta> {
    const { size } = await stat(path);
    let sent = 0;
    const counted = async function* () {
      for await (const chunk of createReadStream(path)) {
        yield chunk as Buffer;
        sent += (chunk as Buffer).length;
        onBytes(sent, size);
      }
    };
    const init: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
      body: Readable.toWeb(Readable.from(counted())) as unknown as ReadableStream<Uint8Array>,
      duplex: 'half',
    };
    return (await (await this.gateway.call('/v1/deltas', init)).json()) as RemoteDelta;
  }

  list(): Promise<RemoteDelta[]> {
    return this.all('/v1/deltas');
  }

  aliases(): Promise<RemoteAlias[]> {
    return this.all('/v1/deltas/aliases');
  }

  alias(name: string): Promise<RemoteAlias> {
    return this.gateway.json('GET', aliasPath(name));
  }

  history(name: string): Promise<RemoteAlias[]> {
    return this.all(`${aliasPath(name)}/history`);
  }

  /** What the next change of an alias has to expect: 0 for one that was never there. */
  async generation(name: string): Promise<number> {
    try {
      const { data } = await this.gateway.json<Page<RemoteAlias>>(
        'GET',
        `${aliasPath(name)}/history?limit=1`,
      );
      return data[0]?.generation ?? 0;
    } catch (error) {
      if (error instanceof GatewayRefusal && error.code === 'delta_not_found') return 0;
      throw error;
    }
  }

  move(name: string, digest: string, expected: number): Promise<RemoteAlias> {
    return this.gateway.json('PUT', aliasPath(name), { digest, expected_generation: expected });
  }

  removeAlias(name: string, expected: number): Promise<RemoteAlias> {
    return this.gateway.json('DELETE', `${aliasPath(name)}?expected_generation=${expected}`);
  }

  remove(digest: string): Promise<{ id: string }> {
    return this.gateway.json('DELETE', `/v1/deltas/${encodeURIComponent(digest)}`);
  }

  quota(): Promise<Quota> {
    return this.gateway.json('GET', '/v1/deltas/quota');
  }

  erase(tenant: string): Promise<Erasure> {
    return this.gateway.json('POST', '/v1/deltas/erase', { confirm_tenant: tenant });
  }

  private async all<T>(path: string): Promise<T[]> {
    const all: T[] = [];
    let after = '';
    for (;;) {
      const query = after === '' ? 'limit=1000' : `limit=1000&after=${encodeURIComponent(after)}`;
      const { data, next } = await this.gateway.json<Page<T>>('GET', `${path}?${query}`);
      all.push(...data);
      if (next === null) return all;
      after = next;
    }
  }
}

export interface Quota {
  bytes: { used: number; limit: number };
  versions: { used: number; limit: number };
  publishes_per_minute: number;
}

export interface Erasure {
  deltas: number;
  bytes: number;
  key_fingerprint: string;
  gone_everywhere: number;
}

/** Slashes of a name stay as they are. */
function aliasPath(name: string): string {
  return `/v1/deltas/aliases/${name.split('/').map(encodeURIComponent).join('/')}`;
}
