import { HttpError, RetryableError, type RetryPolicy, readBody, readSmallBody } from '@zen/http';
import { MAX_MANIFEST_BYTES, parseIndex } from '@zen/ladder';
import { DistributionError } from '../distribution-error';
import { sha256 } from '../sha256';
import { type ArtifactStore, RangesIgnored } from './artifact-store';

/** One GET on a store, with its credentials. */
export type Get = (
  path: string,
  headers: Readonly<Record<string, string>>,
  accept: readonly number[],
  signal: AbortSignal,
) => Promise<Response>;

/** Where a store keeps things, relative to its root. */
export interface StorePaths {
  /** The manifest itself, or null where `index.json` names it. */
  manifest: string | null;
  /** Headers of the request for the manifest. */
  manifestHeaders: Readonly<Record<string, string>>;
  blob(digest: string): string;
}

/** Paths of an OCI image layout on a web server or in a bucket. */
export const LAYOUT_PATHS: StorePaths = {
  manifest: null,
  manifestHeaders: {},
  blob: (digest) => `blobs/sha256/${hexOf(digest)}`,
};

/** Nothing from a server becomes part of an address unless it is a digest. */
export function hexOf(digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined) throw new DistributionError('invalid', 'digest must be a sha256 digest');
  return hex;
}

/** A ladder behind HTTP, whatever the addresses and credentials are. */
export class WebStore implements ArtifactStore {
  constructor(
    readonly uri: string,
    private readonly paths: StorePaths,
    private readonly get: Get,
    private readonly retry: RetryPolicy,
    /** Of the manifest where the address names it, or null. */
    private readonly digest: string | null,
  ) {}

  async manifest(signal: AbortSignal): Promise<Buffer> {
    let expected = this.digest;
    let path = this.paths.manifest;
    if (path === null) {
      const index = parseIndex(await this.small('index.json', {}, signal));
      if (expected !== null && index.digest !== expected) {
        throw new DistributionError('corrupt', `${this.uri}: the index names ${index.digest}`);
      }
      expected = index.digest;
      path = this.paths.blob(index.digest);
    }
    const json = await this.small(path, this.paths.manifestHeaders, signal);
    const actual = `sha256:${sha256(json)}`;
    if (expected !== null && actual !== expected) {
      throw new DistributionError('corrupt', `${this.uri}: the manifest is ${actual}, must be ${expected}`);
    }
    return json;
  }

  async *read(
    digest: string,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const range = `bytes=${offset}-${offset + length - 1}`;
    const response = await this.get(this.paths.blob(digest), { range }, [416], signal);
    const problem = checkRange(response, offset, length);
    if (problem !== null) {
      await response.body?.cancel();
      throw problem;
    }
    yield* this.body(response, length, signal);
  }

  async *whole(digest: string, bytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const response = await this.get(this.paths.blob(digest), {}, [], signal);
    const announced = response.headers.get('content-length');
    if (announced !== null && Number(announced) !== bytes) {
      await response.body?.cancel();
      throw new HttpError('wrong-length', `${response.url}: has ${announced} bytes, must have ${bytes}`);
    }
    yield* this.body(response, bytes, signal);
  }

  private async *body(response: Response, length: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let got = 0;
    for await (const piece of readBody(response, this.retry, signal)) {
      got += piece.length;
      if (got > length) throw new HttpError('wrong-length', `${response.url}: more than ${length} bytes`);
      yield piece;
    }
    if (got < length) throw new RetryableError(`the connection ended after ${got} of ${length} bytes`, null);
  }

  private async small(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const response = await this.get(path, headers, [], signal);
    return readSmallBody(response, MAX_MANIFEST_BYTES, this.retry, signal);
  }
}

/** What is wrong with the answer to a request for a range, or null. */
function checkRange(response: Response, offset: number, length: number): Error | null {
  const said = response.headers.get('content-range') ?? '';
  if (response.status === 416) {
    return new HttpError('wrong-length', `${response.url}: byte ${offset} is beyond its end (${said})`);
  }
  if (response.status !== 206) {
    const whole = offset === 0 && Number(response.headers.get('content-length') ?? -1) === length;
    return whole ? null : new RangesIgnored(`${response.url}: ranges are ignored`);
  }
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(?:\d{1,15}|\*)$/.exec(said);
  // A server may send less than was asked for, never from elsewhere.
  if (!match || Number(match[1]) !== offset || Number(match[2]) >= offset + length) {
    return new HttpError(
      'wrong-length',
      `${response.url}: asked for bytes ${offset}-${offset + length - 1}, got ${said.slice(0, 100)}`,
    );
  }
  return null;
}
