import type { IncomingMessage } from 'node:http';
import type { Headers } from '../door/visit';
import { GatewayError } from '../gateway-error';
import type { Dialect } from './wire/client-event';

/** What the request for a WebSocket says. */
export interface Handshake {
  model: string | undefined;
  intent: 'realtime' | 'transcription';
  dialect: Dialect;
  /** The key, wherever it stood. */
  headers: Headers;
  origin: string | undefined;
  host: string | undefined;
  /** Of a session whose connection dropped, and the last event that its client has. */
  resume: { token: string; after: string } | null;
}

export const PATH = '/v1/realtime';
const KEY_PROTOCOL = 'openai-insecure-api-key.';
const BETA_PROTOCOL = 'openai-beta.realtime-v1';
const MOST_PARAMETER = 512;

/** Whether a request for a WebSocket is for this API. */
export function isRealtime({ url = '' }: IncomingMessage): boolean {
  return url.split('?')[0] === PATH;
}

/** @throws GatewayError for what cannot be */
export function readHandshake(request: IncomingMessage): Handshake {
  const query = new URLSearchParams((request.url ?? '').split('?')[1] ?? '');
  const parameter = (name: string): string | undefined => {
    const value = query.get(name);
    if (value === null || value === '') return undefined;
    if (value.length <= MOST_PARAMETER) return value;
    const message = `${name}: ${value.length} characters, at most ${MOST_PARAMETER}`;
    throw new GatewayError('invalid_request', message, { param: name });
  };
  const intent = parameter('intent') ?? 'realtime';
  if (intent !== 'realtime' && intent !== 'transcription') {
    const message = 'intent: expected "transcription" or no such parameter';
    throw new GatewayError('invalid_request', message, { param: 'intent' });
  }
  const protocols = protocolsOf(request);
  const beta = request.headers['openai-beta'];
  const isBeta =
    (typeof beta === 'string' && /\brealtime=v1\b/.test(beta)) || protocols.includes(BETA_PROTOCOL);
  const token = parameter('resume');
  return {
    model: parameter('model'),
    intent,
    dialect: isBeta ? 'beta' : 'ga',
    headers: headersOf(request, protocols),
    origin: request.headers.origin,
    host: request.headers.host,
    resume: token === undefined ? null : { token, after: parameter('after') ?? '' },
  };
}

/** The protocol that is agreed on: never the one that holds a key. */
export function chosenProtocol(offered: ReadonlySet<string>): string | false {
  return offered.has('realtime') ? 'realtime' : false;
}

function protocolsOf({ headers }: IncomingMessage): string[] {
  return (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
}

/** Browsers cannot set a header for a WebSocket, so a key may stand among the protocols. */
function headersOf({ headers }: IncomingMessage, protocols: readonly string[]): Headers {
  const all = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
  const key = protocols.find((one) => one.startsWith(KEY_PROTOCOL))?.slice(KEY_PROTOCOL.length);
  if (key !== undefined && all.authorization === undefined) all.authorization = `Bearer ${key}`;
  return all;
}
