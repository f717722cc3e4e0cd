import { HttpError, type HttpRequest, type RetryPolicy, readSmallBody, withRetries } from '@zen/http';
import { CHUNK_BYTES, type LadderManifest, type StageLayer } from '@zen/ladder';
import { indexJson, LAYOUT_JSON } from '../store/layout-json';
import { S3Client } from '../store/s3-client';
import type { StoreSettings } from '../store/store-settings';
import type { StoreUri } from '../store/store-uri';
import { LAYOUT_PATHS } from '../store/web-store';
import type { BlobSource, PushTarget } from './push-target';
import { UploadRecord } from './upload-record';

/** Parts of an upload: at least 5 MiB each and at most 10,000, as S3 has it. */
const PART_BYTES = 4 * CHUNK_BYTES;
const MAX_PARTS = 10_000;
const MAX_ANSWER = 1024 * 1024;

interface Upload {
  id: string;
  partBytes: number;
  /** ETags of the parts that have arrived, in order. */
  tags: string[];
}

function isUpload(value: unknown): value is Upload {
  const { id, partBytes, tags } = (value ?? {}) as Partial<Upload>;
  return (
    typeof id === 'string' &&
    Number.isInteger(partBytes) &&
    Array.isArray(tags) &&
    tags.every((tag) => typeof tag === 'string')
  );
}

/** A prefix of a bucket, laid out like the folder. Stages go up in parts; an upload survives this process. */
export class S3Target implements PushTarget {
  private readonly client: S3Client;

  constructor(
    private readonly place: Extract<StoreUri, { kind: 's3' }>,
    settings: StoreSettings,
    private readonly retry: RetryPolicy,
    private readonly home: string,
  ) {
    this.client = new S3Client(place, settings.s3, retry);
  }

  async has(digest: string, bytes: number, signal: AbortSignal): Promise<boolean> {
    const path = LAYOUT_PATHS.blob(digest);
    const response = await this.retried(path, { method: 'HEAD', accept: [404] }, signal);
    return response.ok && Number(response.headers.get('content-length')) === bytes;
  }

  put(digest: string, data: Buffer, signal: AbortSignal): Promise<void> {
    return this.putObject(LAYOUT_PATHS.blob(digest), data, signal);
  }

  async upload(layer: StageLayer, source: BlobSource, signal: AbortSignal): Promise<void> {
    const path = LAYOUT_PATHS.blob(layer.digest);
    if (layer.bytes <= PART_BYTES) {
      await this.putObject(path, await source.read(0, layer.bytes), signal);
      return source.sent(layer.bytes);
    }
    const { bucket, prefix } = this.place;
    const record = new UploadRecord<Upload>(this.home, `s3://${bucket}/${prefix} ${layer.digest}`);
    const upload = (await this.known(record, path, signal)) ?? (await this.begin(layer, path, signal));
    await record.write(upload);
    for (let at = upload.tags.length * upload.partBytes; at < layer.bytes; ) {
      source.sent(at);
      const part = await source.read(at, Math.min(upload.partBytes, layer.bytes - at));
      const query = `?partNumber=${upload.tags.length + 1}&uploadId=${encodeURIComponent(upload.id)}`;
      const response = await this.retried(`${path}${query}`, { method: 'PUT', body: part }, signal);
      upload.tags.push(response.headers.get('etag') ?? '');
      at += part.length;
      await record.write(upload);
    }
    await this.complete(upload, path, signal);
    await record.remove();
    source.sent(layer.bytes);
  }

  async publish(manifest: LadderManifest, json: Buffer, signal: AbortSignal): Promise<void> {
    await this.put(manifest.digest, json, signal);
    await this.putObject('oci-layout', Buffer.from(LAYOUT_JSON), signal);
    await this.putObject('index.json', Buffer.from(indexJson(manifest.digest, json.byteLength)), signal);
  }

  /** An upload that an earlier call began and the server still knows. */
  private async known(
    record: UploadRecord<Upload>,
    path: string,
    signal: AbortSignal,
  ): Promise<Upload | null> {
    const upload = await record.read(isUpload);
    if (upload === null) return null;
    const query = `?uploadId=${encodeURIComponent(upload.id)}&max-parts=1`;
    const response = await this.retried(`${path}${query}`, { accept: [404] }, signal);
    return response.ok ? upload : null;
  }

  private async begin(layer: StageLayer, path: string, signal: AbortSignal): Promise<Upload> {
    const response = await this.retried(`${path}?uploads=`, { method: 'POST' }, signal);
    const id = /<UploadId>([^<>&]{1,2000})<\/UploadId>/.exec(response.text)?.[1];
    if (id === undefined) throw new HttpError('bad-format', `${path}: the answer has no UploadId`);
    const least = Math.ceil(layer.bytes / MAX_PARTS / CHUNK_BYTES) * CHUNK_BYTES;
    return { id, partBytes: Math.max(PART_BYTES, least), tags: [] };
  }

  private async complete({ id, tags }: Upload, path: string, signal: AbortSignal): Promise<void> {
    const parts = tags.map((tag, index) => {
      const safe = tag.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
      return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${safe}</ETag></Part>`;
    });
    const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    const query = `?uploadId=${encodeURIComponent(id)}`;
    const request = { method: 'POST' as const, body: Buffer.from(body) };
    const { text } = await this.retried(`${path}${query}`, request, signal);
    // S3 may answer 200 first and find out later that it failed.
    if (/<Error>/.test(text)) throw new HttpError('network', `${path}: the upload was not completed`);
  }

  private async putObject(path: string, body: Buffer, signal: AbortSignal): Promise<void> {
    await this.retried(path, { method: 'PUT', body }, signal);
  }

  private retried(path: string, request: Omit<HttpRequest, 'url'>, signal: AbortSignal) {
    return withRetries(path, this.retry, signal, () => this.send(path, request, signal));
  }

  private async send(path: string, request: Omit<HttpRequest, 'url'>, signal: AbortSignal) {
    const response = await this.client.send(path, request, signal);
    const text = (await readSmallBody(response, MAX_ANSWER, this.retry, signal)).toString('utf8');
    return { ok: response.ok, headers: response.headers, text };
  }
}
