import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

/** What becomes of one event of a connection: the messages that are sent in its place. `end` breaks it off. */
export type Spoil = (
  event: { type: string; [field: string]: unknown },
  end: () => void,
) => (object | string | Buffer)[];

export interface WrongServer {
  url: string;
  /** From the next connection on: makes a spoiler for each. */
  spoil: () => Spoil;
  close(): void;
}

export const untouched = (): Spoil => (event) => [event];

/** A server of the Realtime API that passes everything to the one at `url`, and spoils what comes back. */
export async function openWrongServer(url: string): Promise<WrongServer> {
  const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(sockets, 'listening');
  const wrong: WrongServer = {
    url: `http://127.0.0.1:${(sockets.address() as AddressInfo).port}`,
    spoil: untouched,
    close: () => {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
    },
  };
  sockets.on('connection', (client, request) => {
    const spoil = wrong.spoil();
    const beta = request.headers['openai-beta'];
    const behind = new WebSocket(url.replace('http', 'ws') + request.url, {
      headers: beta ? { 'openai-beta': beta } : {},
    });
    const opened = once(behind, 'open');
    opened.catch(() => client.terminate());
    client.on('message', (data: Buffer) => {
      void opened.then(
        () => behind.send(data.toString('utf8')),
        () => {},
      );
    });
    behind.on('message', (data: Buffer) => {
      for (const message of spoil(JSON.parse(data.toString('utf8')), () => client.terminate())) {
        const raw = typeof message === 'string' || Buffer.isBuffer(message);
        client.send(raw ? message : JSON.stringify(message));
      }
    });
    behind.on('error', () => client.terminate());
    behind.on('close', () => client.close());
    client.on('close', () => behind.terminate());
  });
  return wrong;
}
