import { randomUUID } from 'node:crypto';
import { S3Client, type S3Settings, type StoreUri } from '@zen/distribution';
import {
  HttpError,
  type HttpRequest,
  RetryableError,
  type RetryPolicy,
  readSmallBody,
  withRetries,
} from '@zen/http';
import { StoreError } from '../store-error';
import { checkName, type ObjectStore } from './object-store';

const PAGE = 1000;
/** A segment of a delta has 4 MiB; a lease of 100,000 deltas about 16. */
const MAX_OBJECT = 32 * 2 ** 20;
/** A page of the longest names. */
const MAX_LIST = 8 * 2 ** 20;

/**
 * Objects under a prefix of a bucket. Needs a server that knows conditional writes (`If-None-Match: *`), as AWS and
 * most others do, and asks it at the start: one that ignores the condition would let two have one name.
 */
export class S3Objects implements ObjectStore {
  private readonly client: S3Client;
  private readonly root: string;
  private readonly forever = new AbortController().signal;

  constructor(
    place: Extract<StoreUri, { kind: 's3' }>,
    settings: S3Settings,
    private readonly retry: RetryPolicy,
  ) {
    this.client = new S3Client({ ...place, prefix: '' }, settings, retry);
    this.root = place.prefix === '' ? '' : `${place.prefix}/`;
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    checkName(name);
    let tries = 0;
    const { status } = await this.send(
      `${this.root}${name}`,
      {
        method: 'PUT',
        body: bytes,
        headers: { 'if-none-match': '*' },
        accept: [409, 412],
      },
      () => tries++,
    );
    if (status < 300) return true;
    // The answer to an earlier try may have been lost; its bytes tell whether it was ours.
    return tries > 1 && (await this.read(name))?.equals(bytes) === true;
  }

  async read(name: string): Promise<Buffer | null> {
    const { status, body } = await this.send(`${this.root}${checkName(name)}`, { accept: [404] });
    return status === 404 ? null : body;
  }

  async remove(name: string): Promise<void> {
    await this.send(`${this.root}${checkName(name)}`, { method: 'DELETE', accept: [404] });
  }

  async list(prefix: string, { after = '', limit }: { after?: string; limit: number }): Promise<string[]> {
    const found: string[] = [];
    for (let last = after; found.length < limit; ) {
      const count = Math.min(PAGE, limit - found.length);
      const query = new URLSearchParams({
        'list-type': '2',
        'max-keys': String(count),
        prefix: `${this.root}${prefix}`,
        ...(last === '' ? {} : { 'start-after': `${this.root}${last}` }),
      });
      const { body } = await this.send(`?${query}`, {}, undefined, MAX_LIST);
      // Names have no character that XML would escape.
      const keys = [...body.toString('utf8').matchAll(/<Key>([^<&]{1,1024})<\/Key>/g)].map(([, key]) => key!);
      found.push(...keys.map((key) => key.slice(this.root.length)));
      if (keys.length < count) break;
      last = found.at(-1)!;
    }
    return found;
  }

  async check(): Promise<void> {
    const name = `probe/${randomUUID()}`;
    const twice = [await this.create(name, Buffer.from('1')), await this.create(name, Buffer.from('2'))];
    await this.remove(name);
    if (!twice[0] || twice[1]) {
      throw new StoreError('unavailable', 'the bucket does not keep the condition If-None-Match of a write');
    }
  }

  private async send(
    path: string,
    request: Omit<HttpRequest, 'url' | 'authorization'>,
    onTry?: () => void,
    maxBytes = MAX_OBJECT,
  ): Promise<{ status: number; body: Buffer }> {
    try {
      return await withRetries('storage', this.retry, this.forever, async () => {
        onTry?.();
        const response = await this.client.send(path, request, this.forever);
        const body = await readSmallBody(response, maxBytes, this.retry, this.forever);
        // Two wrote the name at once and the server wants this one to ask again.
        if (response.status === 409) throw new RetryableError('status 409', null);
        return { status: response.status, body };
      });
    } catch (cause) {
      if (cause instanceof HttpError)
        throw new StoreError('unavailable', `storage: ${cause.failure}`, { cause });
      throw cause;
    }
  }
}
