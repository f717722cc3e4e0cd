import {
  HttpError,
  type HttpRequest,
  type RegistryAuthorization,
  RetryableError,
  type RetryPolicy,
  registryOrigin,
  withRetries,
} from '@zen/http';
import { CHUNK_BYTES, type LadderManifest, MANIFEST_TYPE, type StageLayer } from '@zen/ladder';
import { registryAuthorization } from '../store/open-store';
import type { StoreSettings } from '../store/store-settings';
import type { StoreUri } from '../store/store-uri';
import type { BlobSource, PushTarget } from './push-target';
import { UploadRecord } from './upload-record';

const isLocation = (value: unknown): value is { location: string } =>
  typeof (value as { location?: unknown } | null)?.location === 'string';

/** A repository of an OCI registry. Stages go up in pieces of 4 MiB; an upload survives this process. */
export class OciTarget implements PushTarget {
  private readonly root: string;
  private readonly authorization: RegistryAuthorization;

  constructor(
    private readonly place: Extract<StoreUri, { kind: 'oci' }>,
    settings: StoreSettings,
    private readonly retry: RetryPolicy,
    private readonly home: string,
  ) {
    this.root = `${registryOrigin(place.registry)}/v2/${place.repository}`;
    this.authorization = registryAuthorization(place, 'pull,push', settings, retry);
  }

  async has(digest: string, bytes: number, signal: AbortSignal): Promise<boolean> {
    const request = { url: `${this.root}/blobs/${digest}`, method: 'HEAD' as const, accept: [404] };
    const send = () => this.send(request, signal);
    const { status, headers } = await withRetries(request.url, this.retry, signal, send);
    return status !== 404 && Number(headers.get('content-length')) === bytes;
  }

  async put(digest: string, data: Buffer, signal: AbortSignal): Promise<void> {
    await withRetries(`${this.root}/blobs/${digest}`, this.retry, signal, async () => {
      await this.finish(await this.begin(signal), digest, data, signal);
    });
  }

  async upload(layer: StageLayer, source: BlobSource, signal: AbortSignal): Promise<void> {
    const record = new UploadRecord<{ location: string }>(this.home, `${this.root} ${layer.digest}`);
    const known = await record.read(isLocation);
    let location = known?.location ?? null;
    await withRetries(`${this.root}/blobs/${layer.digest}`, this.retry, signal, async (progressed) => {
      // After a cut only the registry knows how much has arrived.
      const state = location === null ? null : await this.state(location, signal);
      let at = state?.bytes ?? 0;
      location = state?.location ?? (await this.begin(signal));
      await record.write({ location });
      source.sent(at);
      while (at < layer.bytes) {
        // Pieces end where chunks end, whatever the registry has taken of one.
        const from = at - (at % CHUNK_BYTES);
        const length = Math.min(CHUNK_BYTES, layer.bytes - from);
        const piece = (await source.read(from, length)).subarray(at - from);
        location = await this.append(location, at, piece, signal);
        at += piece.length;
        await record.write({ location });
        source.sent(at);
        progressed();
      }
      await this.finish(location, layer.digest, Buffer.alloc(0), signal);
    });
    await record.remove();
  }

  async publish(manifest: LadderManifest, json: Buffer, signal: AbortSignal): Promise<void> {
    const { reference } = this.place;
    if (reference.startsWith('sha256:') && reference !== manifest.digest) {
      throw new HttpError('wrong-length', `${reference}: the ladder is ${manifest.digest}`);
    }
    const request: HttpRequest = {
      url: `${this.root}/manifests/${reference}`,
      method: 'PUT',
      headers: { 'content-type': MANIFEST_TYPE },
      body: json,
    };
    await withRetries(request.url, this.retry, signal, () => this.send(request, signal));
  }

  private async begin(signal: AbortSignal): Promise<string> {
    const url = `${this.root}/blobs/uploads/`;
    return this.locationOf(await this.send({ url, method: 'POST', body: new Uint8Array() }, signal), url);
  }

  /** How much of an upload the registry has, or null where it knows nothing of it any more. */
  private async state(
    location: string,
    signal: AbortSignal,
  ): Promise<{ bytes: number; location: string } | null> {
    if (new URL(location).origin !== new URL(this.root).origin) return null;
    const response = await this.send({ url: location, accept: [400, 404] }, signal);
    if (!response.ok) return null;
    const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.headers.get('range') ?? '')?.[1];
    // "0-0" stands for nothing as well as for one byte; one byte is sent again then.
    const bytes = last === undefined || last === '0' ? 0 : Number(last) + 1;
    return { bytes, location: this.locationOf(response, location) };
  }

  private async append(location: string, at: number, piece: Buffer, signal: AbortSignal): Promise<string> {
    const headers = {
      'content-type': 'application/octet-stream',
      'content-range': `${at}-${at + piece.length - 1}`,
    };
    const request = { url: location, method: 'PATCH' as const, headers, body: piece, accept: [404, 416] };
    const response = await this.send(request, signal);
    if (!response.ok)
      throw new RetryableError(`status ${response.status} for ${headers['content-range']}`, 0);
    return this.locationOf(response, location);
  }

  private async finish(location: string, digest: string, data: Buffer, signal: AbortSignal): Promise<void> {
    const url = new URL(location);
    url.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    await this.send({ url: url.href, method: 'PUT', headers, body: data }, signal);
  }

  /** Credentials go to this registry alone, so an upload elsewhere is refused. */
  private locationOf(response: Response, from: string): string {
    const location = response.headers.get('location');
    if (location === null || !URL.canParse(location, from)) {
      throw new HttpError('network', `${from}: no usable Location`);
    }
    const url = new URL(location, from);
    if (url.origin !== new URL(this.root).origin) {
      throw new HttpError('network', `${from}: upload to ${url.origin} refused`);
    }
    return url.href;
  }

  private async send(request: HttpRequest, signal: AbortSignal): Promise<Response> {
    const response = await this.authorization.send(request, signal);
    // Nobody reads these bodies; left open they would hold the connection.
    await response.body?.cancel();
    return response;
  }
}
