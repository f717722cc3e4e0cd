import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import {
  type ChatRequest,
  type CompleteRequest,
  GatewayServiceDefinition,
  type ListModelsResponse,
} from '@zen/contracts';
import { client, type PartialMessage, type RpcClient } from '@zen/rpc';
import { BALANCING } from './balancing';
import { type AnswerEvent, resumed } from './resume';
import { targetOf } from './target';
import { ZenError } from './zen-error';

/** PEM. */
export interface TlsOptions {
  /** Authorities of the gateways; those that Node knows where absent. */
  ca?: string | Buffer;
  /** Shown to gateways that ask for a certificate; both or none. */
  cert?: string | Buffer;
  key?: string | Buffer;
}

export interface ZenClientOptions {
  /** `host:port` of one name that stands for all gateways (a headless Service), or of each gateway by address. */
  gateways: string | readonly string[];
  apiKey?: string;
  /** Absent: no TLS. `true`: TLS with the authorities that Node knows. */
  tls?: boolean | TlsOptions;
  /** Longest time for a call whose own options say none, milliseconds; 600,000. */
  timeoutMs?: number;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds for the whole call, retries and resumptions included. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 600_000;
const MAX_BREAKS = 5;
const BACKOFF_MS = 100;

/**
 * Asks gateways: turns between them, tries again where nothing has come of a call yet, goes on elsewhere where an
 * answer broke off. Failures are ZenErrors. Leaving an iteration cancels the answer.
 */
export class ZenClient {
  private readonly rpc: RpcClient<typeof GatewayServiceDefinition>;
  private readonly metadata: Record<string, string>;
  private readonly timeoutMs: number;

  constructor({ gateways, apiKey, tls, timeoutMs = TIMEOUT_MS }: ZenClientOptions) {
    this.rpc = client(GatewayServiceDefinition, targetOf(gateways), {
      credentials: credentialsOf(tls),
      channel: BALANCING,
    });
    this.metadata = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    this.timeoutMs = timeoutMs;
  }

  chat(request: PartialMessage<ChatRequest>, options: CallOptions = {}): AsyncGenerator<AnswerEvent> {
    const begin = this.begin(options);
    return resumed(
      (token) => this.rpc.chat({ ...request, resumeToken: token || (request.resumeToken ?? '') }, begin()),
      { maxBreaks: MAX_BREAKS, backoffMs: BACKOFF_MS, signal: options.signal },
    );
  }

  complete(request: PartialMessage<CompleteRequest>, options: CallOptions = {}): AsyncGenerator<AnswerEvent> {
    const begin = this.begin(options);
    return resumed(
      (token) =>
        this.rpc.complete({ ...request, resumeToken: token || (request.resumeToken ?? '') }, begin()),
      { maxBreaks: MAX_BREAKS, backoffMs: BACKOFF_MS, signal: options.signal },
    );
  }

  async listModels(options: CallOptions = {}): Promise<ListModelsResponse['models']> {
    try {
      return (await this.rpc.listModels({}, this.begin(options)())).models;
    } catch (error) {
      throw ZenError.from(error);
    }
  }

  /** Lets what runs end, and takes nothing new. */
  close(): void {
    this.rpc.close();
  }

  /** Options of each stream of a call: all of them share one deadline. */
  private begin({ signal, timeoutMs = this.timeoutMs }: CallOptions) {
    const endMs = performance.now() + timeoutMs;
    const { metadata } = this;
    return () => {
      const leftMs = Math.max(0, endMs - performance.now());
      return { metadata, timeoutMs: leftMs, ...(signal === undefined ? {} : { signal }) };
    };
  }
}

function credentialsOf(tls: ZenClientOptions['tls']): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  const { ca, cert, key } = tls === true ? {} : tls;
  const pem = (value: string | Buffer | undefined) => (value === undefined ? null : Buffer.from(value));
  return credentials.createSsl(pem(ca), pem(key), pem(cert));
}
