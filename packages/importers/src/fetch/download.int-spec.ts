import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SYNC_BYTES } from '../cache/partial-file';
import { SourceError } from '../source-error';
import { FAST_RETRY, noise, scratchFolder, sha256, testContext } from '../testing/fetch-folder';
import { type Handler, serve, startServer, type TestServer } from '../testing/http-server';
import { download } from './download';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

const CONTENT = noise(3 * SYNC_BYTES + 12_345);
const MIB = 1024 * 1024;

let folder: string;
let server: TestServer | null = null;

beforeEach(() => {
  folder = scratchFolder();
});
afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(folder, { recursive: true });
});

async function start(handler: Handler): Promise<string> {
  server = await startServer(handler);
  return `${server.url}/file`;
}

const request = (url: string, hash: string | null = sha256(CONTENT)) => ({
  url,
  name: 'file.bin',
  sha256: hash,
  bytes: null as number | null,
});

/** Leaves a partial download of at least one synced chunk behind, as a cancelled process does. */
async function leavePartial(url: string, hash: string | null = sha256(CONTENT)): Promise<number> {
  const cancel = new AbortController();
  const { context } = testContext(folder, {
    signal: cancel.signal,
    progress: ({ bytes }) => {
      if (bytes > 2 * SYNC_BYTES) cancel.abort();
    },
  });
  await expect(download(request(url, hash), context)).rejects.toThrow(/cancelled/);
  return JSON.parse(readFileSync(join(folder, 'file.bin.part.json'), 'utf8')).bytes;
}

describe('download', () => {
  it('fetches, counts and records', async () => {
    const url = await start((req, res) => serve(req, res, CONTENT));
    const { context, seen } = testContext(folder);
    const file = await download(request(url), context);
    expect(file).toMatchObject({ name: 'file.bin', bytes: CONTENT.length, sha256: sha256(CONTENT) });
    expect(readFileSync(join(folder, 'file.bin')).equals(CONTENT)).toBe(true);
    expect(seen.at(-1)).toEqual({
      phase: 'verifying',
      item: 'file.bin',
      bytes: CONTENT.length,
      totalBytes: CONTENT.length,
    });
    const counts = seen.map((progress) => progress.bytes);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
  });

  it('goes on where the connection dropped, again and again', async () => {
    const url = await start((req, res) => serve(req, res, CONTENT, { dropAfter: MIB }));
    const { context } = testContext(folder);
    await download(request(url, null), context);
    expect(readFileSync(join(folder, 'file.bin')).equals(CONTENT)).toBe(true);
    const starts = server!.requests.map((r) => Number(/=(\d+)-/.exec(r.range ?? '=0-')![1]));
    // A connection that breaks may lose bytes that were under way: each try begins at most where the last ended.
    expect(starts.length).toBeGreaterThanOrEqual(Math.floor(CONTENT.length / MIB));
    starts.slice(1).forEach((from, index) => {
      expect(from).toBeLessThanOrEqual(starts[index]! + MIB);
      expect(from).toBeGreaterThanOrEqual(starts[index]!);
    });
    expect(starts.at(-1)).toBeGreaterThan(CONTENT.length - 2 * MIB);
  });

  it('goes on after a cancelled process without fetching a synced byte again', async () => {
    const url = await start((req, res) => serve(req, res, CONTENT));
    const kept = await leavePartial(url);
    expect(kept).toBeGreaterThanOrEqual(2 * SYNC_BYTES);
    await download(request(url), testContext(folder).context);
    expect(server!.requests[1]!.range).toBe(`bytes=${kept}-`);
    expect(readFileSync(join(folder, 'file.bin')).equals(CONTENT)).toBe(true);
  });

  it('drops what had not reached the disk, and a state that promises too much', async () => {
    const url = await start((req, res) => serve(req, res, CONTENT));
    const kept = await leavePartial(url);
    writeFileSync(join(folder, 'file.bin.part'), 'garbage beyond the state', { flag: 'a' });
    truncateSync(join(folder, 'file.bin.part'), kept - 1);
    await download(request(url), testContext(folder).context);
    expect(server!.requests[1]!.range).toBeNull();
    expect(readFileSync(join(folder, 'file.bin')).equals(CONTENT)).toBe(true);
  });

  it.each(['', 'not json', '{"bytes":-1,"identity":"x","notes":{}}', '{"bytes":5}'])(
    'starts anew from a damaged state %p',
    async (state) => {
      const url = await start((req, res) => serve(req, res, CONTENT));
      await leavePartial(url);
      writeFileSync(join(folder, 'file.bin.part.json'), state);
      await download(request(url), testContext(folder).context);
      expect(server!.requests[1]!.range).toBeNull();
    },
  );

  it('starts anew when the content changed', async () => {
    const next = noise(CONTENT.length + 4).subarray(4);
    const url = await start((req, res, count) =>
      serve(req, res, count === 1 ? CONTENT : next, { etag: count === 1 ? '"v1"' : '"v2"' }),
    );
    await leavePartial(url, null);
    const file = await download(request(url, null), testContext(folder).context);
    expect(file.sha256).toBe(sha256(next));
  });

  it('starts anew where nothing tells whether the content is the same', async () => {
    const url = await start((req, res) => serve(req, res, CONTENT, { etag: null }));
    await leavePartial(url, null);
    await download(request(url, null), testContext(folder).context);
    expect(server!.requests[1]!.range).toBeNull();
  });

  it('goes on without a validator where the hash is known, and recovers when it does not match', async () => {
    const other = noise(CONTENT.length + 4).subarray(4);
    const url = await start((req, res, count) =>
      serve(req, res, count === 1 ? other : CONTENT, { etag: null }),
    );
    await leavePartial(url);
    const file = await download(request(url), testContext(folder).context);
    expect(file.sha256).toBe(sha256(CONTENT));
    expect(server!.requests.map((r) => r.range === null)).toEqual([true, false, true]);
  });

  it('manages without ranges', async () => {
    const url = await start((req, res, count) =>
      serve(req, res, CONTENT, { ranges: false, ...(count === 1 ? { dropAfter: MIB } : {}) }),
    );
    await download(request(url), testContext(folder).context);
    expect(readFileSync(join(folder, 'file.bin')).equals(CONTENT)).toBe(true);
  });

  it('tries 429 and 503 again', async () => {
    const url = await start((req, res, count) => {
      if (count === 1) res.writeHead(429, { 'retry-after': '0' }).end('later');
      else if (count === 2) res.writeHead(503).end();
      else serve(req, res, CONTENT);
    });
    await download(request(url), testContext(folder).context);
    expect(server!.requests).toHaveLength(3);
  });

  it.each<[string, Handler, RegExp, string]>([
    ['404', (_req, res) => res.writeHead(404).end(), /\/file: status 404/, 'not-found'],
    ['401', (_req, res) => res.writeHead(401).end(), /status 401/, 'unauthorized'],
    ['418', (_req, res) => res.writeHead(418).end(), /status 418/, 'network'],
    ['endless 503', (_req, res) => res.writeHead(503).end(), /status 503 \(4 tries\)/, 'network'],
    [
      'a Retry-After of an hour',
      (_req, res) => res.writeHead(429, { 'retry-after': '3600' }).end(),
      /status 429 \(1 tries, the server asks to wait 3600 s\)/,
      'network',
    ],
    [
      'a redirect loop',
      (_req, res) => res.writeHead(302, { location: '/file' }).end(),
      /more than 5 redirects/,
      'network',
    ],
    [
      'a redirect to a file',
      (_req, res) => res.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      /redirect to file: refused/,
      'network',
    ],
    [
      'a redirect to nowhere',
      (_req, res) => res.writeHead(302).end(),
      /without a usable Location/,
      'network',
    ],
    ['a closed connection', (req) => req.socket.destroy(), /4 tries/, 'network'],
    ['silence', () => undefined, /no answer for 0\.3 s \(4 tries\)/, 'network'],
    [
      'silence in the middle',
      (_req, res) => res.writeHead(200, { 'content-length': 100, etag: '"a"' }).write('x'),
      /no byte for 0\.3 s|ended at 1 of 100/,
      'network',
    ],
    [
      'an announced length that never comes',
      (req, res) => serve(req, res, Buffer.alloc(100), { ranges: false, dropAfter: 10 }),
      /4 tries/,
      'network',
    ],
    [
      'a wrong range',
      (req, res, count) => {
        const from = Number(/=(\d+)-/.exec(req.headers.range ?? '=0-')![1]);
        if (count === 1) serve(req, res, Buffer.alloc(100), { dropAfter: 10 });
        else res.writeHead(206, { 'content-range': `bytes ${from + 3}-99/100` }).end(Buffer.alloc(97 - from));
      },
      /asked from byte \d+, got \d+/,
      'wrong-length',
    ],
    [
      'a range without its place',
      (_req, res) => res.writeHead(206).end('x'),
      /206 without a usable Content-Range/,
      'wrong-length',
    ],
    [
      'more than announced',
      (_req, res) => res.writeHead(206, { 'content-range': 'bytes 0-3/4' }).end('12345'),
      /more than the announced 4 bytes/,
      'wrong-length',
    ],
    [
      'a compressed body',
      (_req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(),
      /content-encoding gzip/,
      'network',
    ],
    [
      'wrong bytes',
      (req, res) => serve(req, res, Buffer.from('wrong')),
      /SHA-256 is .*, expected/,
      'wrong-hash',
    ],
  ])('refuses %s by name', async (name, handler, expected, failure) => {
    const url = await start(handler);
    const retry = name.startsWith('silence') ? { ...FAST_RETRY, idleMs: 300 } : FAST_RETRY;
    const error = await download(request(url), testContext(folder, { retry }).context).catch((e) => e);
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toMatch(expected);
    expect(error.failure).toBe(failure);
  });

  it('refuses a length other than the known one, and one above the limit, before any byte', async () => {
    const url = await start((req, res) => serve(req, res, CONTENT));
    await expect(download({ ...request(url), bytes: 5 }, testContext(folder).context)).rejects.toThrow(
      `has ${CONTENT.length} bytes, expected 5`,
    );
    const { context } = testContext(folder);
    const tight = { ...context, settings: { ...context.settings, maxFileBytes: 1000 } };
    await expect(download(request(url), tight)).rejects.toThrow(`has ${CONTENT.length} bytes, limit 1000`);
  });

  it('gives a body without length up at the limit', async () => {
    const url = await start((_req, res) => {
      res.writeHead(200);
      const timer = setInterval(() => res.write(Buffer.alloc(MIB)), 1);
      res.on('close', () => clearInterval(timer));
    });
    const { context } = testContext(folder);
    const tight = { ...context, settings: { ...context.settings, maxFileBytes: 5 * MIB } };
    await expect(download(request(url, null), tight)).rejects.toThrow(
      `more than the announced ${5 * MIB} bytes`,
    );
  });

  it('keeps credentials from another host', async () => {
    const other = await startServer((req, res) => serve(req, res, CONTENT));
    try {
      const url = await start((_req, res) => res.writeHead(307, { location: `${other.url}/x` }).end());
      const authorization = { header: () => 'Bearer secret' };
      await download({ ...request(url), authorization }, testContext(folder).context);
      expect(server!.requests[0]!.authorization).toBe('Bearer secret');
      expect(other.requests[0]!.authorization).toBeNull();
    } finally {
      await other.close();
    }
  });

  it('removes wrong bytes, so that the next call starts anew', async () => {
    const url = await start((req, res, count) =>
      serve(req, res, count === 1 ? Buffer.from('wrong') : CONTENT),
    );
    await expect(download(request(url), testContext(folder).context)).rejects.toThrow(/SHA-256/);
    await download(request(url), testContext(folder).context);
    expect(readFileSync(join(folder, 'file.bin')).equals(CONTENT)).toBe(true);
  });

  it('tolerates a slow server as long as it goes on', async () => {
    const small = CONTENT.subarray(0, 50_000);
    const url = await start((req, res) => serve(req, res, small, { slow: { bytes: 5_000, pauseMs: 20 } }));
    const file = await download(request(url, sha256(small)), testContext(folder).context);
    expect(file.bytes).toBe(50_000);
    expect(server!.requests).toHaveLength(1);
  });
});
