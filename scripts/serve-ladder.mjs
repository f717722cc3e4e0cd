// A ladder's folder as a plain web server with ranges: the origin that `npm start -- --bandwidth` downloads from.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

/** Names in an OCI image layout; nothing else is served. */
const NAME = /^\/(?:index\.json|oci-layout|blobs\/sha256\/[0-9a-f]{64})$/;

/** Resolves with the address, on a free port of 127.0.0.1. */
export function serveLadder(folder) {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const stat = NAME.test(path) ? statSync(join(folder, path), { throwIfNoEntry: false }) : undefined;
    if (!stat?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from ?? 0);
    const end = Math.min(to ? Number(to) : stat.size - 1, stat.size - 1);
    if (from !== undefined && start > end) {
      response.writeHead(416, { 'content-range': `bytes */${stat.size}` }).end();
      return;
    }
    const range = from === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${stat.size}` };
    response.writeHead(from === undefined ? 200 : 206, {
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      ...range,
    });
    if (request.method === 'HEAD') response.end();
    else
      createReadStream(join(folder, path), { start, end })
        .on('error', () => response.destroy())
        .pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}
