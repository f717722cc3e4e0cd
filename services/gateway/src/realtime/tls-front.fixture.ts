import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { CertificateAuthority } from '@zen/testing';

export interface TlsFront {
  /** `https://localhost:PORT`. */
  url: string;
  ca: Buffer;
  close(): void;
}

/** What stands before a gateway where it is served: the official client knows `wss:` only. */
export async function openTlsFront(gatewayUrl: string): Promise<TlsFront> {
  const authority = new CertificateAuthority();
  const files = authority.issue('localhost');
  const { port } = new URL(gatewayUrl);
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer({ key: readFileSync(files.key), cert: readFileSync(files.cert) }, (socket) => {
    const inside = connect(Number(port), '127.0.0.1');
    for (const one of [socket, inside]) {
      sockets.add(one);
      one.on('error', () => {
        socket.destroy();
        inside.destroy();
      });
    }
    socket.pipe(inside).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    ca: readFileSync(authority.ca),
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      authority.remove();
    },
  };
}
