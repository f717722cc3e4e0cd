import { createHash } from 'node:crypto';
import { type HttpRequest, httpRequest, type RetryPolicy } from '@zen/http';
import { AwsV4Signer } from 'aws4fetch';
import type { S3Settings } from './store-settings';
import type { StoreUri } from './store-uri';

/** Signed requests to one prefix of one bucket. */
export class S3Client {
  private readonly root: string;

  constructor(
    { bucket, prefix }: Extract<StoreUri, { kind: 's3' }>,
    private readonly settings: S3Settings,
    private readonly retry: RetryPolicy,
  ) {
    const { endpoint, region } = settings;
    const base = endpoint === null ? `https://${bucket}.s3.${region}.amazonaws.com` : `${endpoint}/${bucket}`;
    this.root = prefix === '' ? base : `${base}/${prefix}`;
  }

  /** `path` is relative to the prefix and may carry a query. */
  async send(
    path: string,
    request: Omit<HttpRequest, 'url' | 'authorization'>,
    signal: AbortSignal,
  ): Promise<Response> {
    const url = `${this.root}/${path}`;
    const { keys, region } = this.settings;
    // Followed, a redirect would carry a session's token to another host.
    if (keys === null) return httpRequest({ ...request, url, redirects: false }, this.retry, signal);
    const { method = 'GET', body } = request;
    const signed = await new AwsV4Signer({
      url,
      method,
      headers: {
        ...request.headers,
        'x-amz-content-sha256': createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      },
      accessKeyId: keys.accessKeyId,
      secretAccessKey: keys.secretAccessKey,
      ...(keys.sessionToken === null ? {} : { sessionToken: keys.sessionToken }),
      service: 's3',
      region,
    }).sign();
    const { authorization, ...headers } = Object.fromEntries(signed.headers.entries());
    return httpRequest(
      { ...request, url: signed.url.href, headers, authorization: authorization ?? null, redirects: false },
      this.retry,
      signal,
    );
  }
}
