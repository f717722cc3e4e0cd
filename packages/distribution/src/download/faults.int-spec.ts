import { join } from 'node:path';
import { CHUNK_BYTES } from '@zen/ladder';
import { mountSmallDisk, smallDiskMissing } from '@zen/testing';
import { DownloadSite, FAST } from '../testing/download-site';
import { type Asked, type Fault, rangesAsked } from '../testing/layout-server';

jest.setTimeout(180_000);

const site = new DownloadSite();

/** The fault, for ranges of stages alone and at most so many times. */
function times(most: number, fault: Fault): Fault {
  let left = most;
  return (asked, response, count, content) => {
    if (!asked.range || content.length < CHUNK_BYTES || left === 0) return false;
    left -= 1;
    return fault(asked, response, count, content);
  };
}

const partOf = ({ range }: Asked, content: Buffer) => content.subarray(range!.from, range!.to + 1);
const rangeHeaders = ({ range }: Asked, content: Buffer) => ({
  'content-range': `bytes ${range!.from}-${Math.min(range!.to, content.length - 1)}/${content.length}`,
});

/** Sends this instead of the right bytes, with the right headers. */
const sends =
  (change: (part: Buffer) => Buffer): Fault =>
  (asked, response, _count, content) => {
    response.writeHead(206, rangeHeaders(asked, content)).end(change(Buffer.from(partOf(asked, content))));
    return true;
  };

describe('a server that fails for a while', () => {
  it.each<[string, Fault]>([
    ['429 with Retry-After', (_a, res) => !!res.writeHead(429, { 'retry-after': '0' }).end()],
    ['503', (_a, res) => !!res.writeHead(503).end()],
    ['a connection that is closed at once', (_a, res) => !!res.destroy()],
    ['one wrong byte', sends((part) => part.fill(0, 100, 200))],
    ['fewer bytes than announced', sends((part) => part.subarray(0, part.length - 10))],
    ['more bytes than announced', sends((part) => Buffer.concat([part, Buffer.alloc(10)]))],
    [
      'a shorter range than asked for',
      (asked, res, _count, content) => {
        const part = partOf(asked, content).subarray(0, 100_000);
        const { from } = asked.range!;
        res.writeHead(206, { 'content-range': `bytes ${from}-${from + part.length - 1}/${content.length}` });
        return !!res.end(part);
      },
    ],
    [
      'another range than asked for',
      (asked, res, _count, content) => {
        res.writeHead(206, { 'content-range': `bytes 1-10/${content.length}` });
        return !!res.end(partOf(asked, content).subarray(0, 10));
      },
    ],
    ['an empty answer', (_a, res) => !!res.writeHead(206, { 'content-range': 'bytes 0-0/1' }).end()],
    [
      'a redirect to the right place',
      (asked, res) => !!res.writeHead(307, { location: `${site.server.url}/${asked.path}` }).end(),
    ],
  ])('is borne: %s', async (_name, fault) => {
    site.server.fault = times(2, fault);
    const download = await site.open();
    await download.run(site.signal);
    await site.expectWhole(download.folder);
    expect(download.progress().bytesKept).toBe(site.sample.totalBytes);
    expect(download.progress().trouble).toBeNull();
  });

  it('is borne: silence in the middle of a body', async () => {
    site.server.fault = times(2, (asked, response, _count, content) => {
      response.writeHead(206, rangeHeaders(asked, content));
      return response.write(partOf(asked, content).subarray(0, 50_000)) || true;
    });
    const download = await site.open({ retry: { ...FAST, idleMs: 500 } });
    await download.run(site.signal);
    await site.expectWhole(download.folder);
  });

  it('is borne: a trickle', async () => {
    site.server.fault = times(1, (asked, response, _count, content) => {
      response.writeHead(206, rangeHeaders(asked, content));
      const part = partOf(asked, content);
      let at = 0;
      const timer = setInterval(() => response.write(part.subarray(at, ++at)), 50);
      response.on('close', () => clearInterval(timer));
      return true;
    });
    const download = await site.open({ retry: { ...FAST, idleMs: 500 } });
    await download.run(site.signal);
    await site.expectWhole(download.folder);
  });

  it('says what the trouble is while it lasts', async () => {
    let failing = true;
    site.server.fault = (asked, response) =>
      failing && asked.range !== null && asked.path.length > 60 && rangesAsked(site.server).length > 1
        ? !!response.writeHead(503).end()
        : false;
    const download = await site.open();
    const run = download.run(site.signal);
    while (download.progress().trouble === null) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(download.progress().trouble).toMatch(/stage 0, chunk \d+: status 503/);
    failing = false;
    await run;
    await site.expectWhole(download.folder);
  });

  it('wastes next to nothing when the connection is cut twenty times', async () => {
    let cuts = 0;
    let wasted = 0;
    site.server.fault = (asked, response, _count, content) => {
      if (!asked.range || content.length < CHUNK_BYTES || cuts === 20) return false;
      cuts += 1;
      const part = partOf(asked, content);
      const sent = part.subarray(0, Math.min(part.length, 250_000 + cuts * 40_000));
      wasted += sent.length;
      response.writeHead(206, { ...rangeHeaders(asked, content), 'content-length': part.length });
      response.write(sent, () => setTimeout(() => response.destroy(), 30));
      return true;
    };
    const download = await site.open();
    await download.run(site.signal);
    await site.expectWhole(download.folder);
    expect(cuts).toBe(20);
    const { bytesReceived, bytesKept } = download.progress();
    expect(bytesKept).toBe(site.sample.totalBytes);
    expect(bytesReceived).toBeLessThanOrEqual(1.02 * site.sample.totalBytes);
    // What the server sent: with each cut, what one read of the socket holds may be lost on the way.
    expect(site.server.bytesSent + wasted).toBeLessThanOrEqual(site.sample.totalBytes + 20 * 128 * 1024);
  });
});

describe('a server that ignores ranges', () => {
  it('is asked once for each blob', async () => {
    site.server.wholeOnly = true;
    const download = await site.open();
    await download.run(site.signal);
    await site.expectWhole(download.folder);
    const whole = site.server.asked.filter(({ range, path }) => !range && path.startsWith('blobs'));
    expect(whole.length).toBe(1 + site.sample.blobs.length);
  });

  it('does not lose what had arrived before a cut', async () => {
    site.server.wholeOnly = true;
    let cuts = 0;
    site.server.fault = (asked, response, _count, content) => {
      if (asked.range || content.length < CHUNK_BYTES + 10_000 || cuts === 2) return false;
      cuts += 1;
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, CHUNK_BYTES + 1000 * cuts), () =>
        setTimeout(() => response.destroy(), 50),
      );
      return true;
    };
    const download = await site.open();
    await download.run(site.signal);
    await site.expectWhole(download.folder);
    expect(cuts).toBe(2);
    expect(download.progress().bytesKept).toBe(site.sample.totalBytes);
  });
});

describe('a server that is broken for good', () => {
  it.each<[string, Fault, string, RegExp]>([
    [
      'wrong bytes',
      sends((part) => part.fill(7)),
      'corrupt',
      /stage 0, chunk \d+: the bytes do not match their SHA-256 \(3 times\)/,
    ],
    ['404', (_a, res) => !!res.writeHead(404).end(), 'not-found', /status 404/],
    ['403', (_a, res) => !!res.writeHead(403).end(), 'unauthorized', /status 403/],
    [
      'a redirect loop',
      (asked, res) => !!res.writeHead(302, { location: `${site.server.url}/${asked.path}` }).end(),
      'network',
      /more than 5 redirects/,
    ],
    [
      'a redirect to a file',
      (_a, res) => !!res.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      'network',
      /redirect to file: refused/,
    ],
    [
      'a compressed body',
      (_a, res) => !!res.writeHead(206, { 'content-encoding': 'gzip' }).end(),
      'network',
      /content-encoding gzip/,
    ],
    [
      'a blob that is too short',
      (_a, res) => !!res.writeHead(416, { 'content-range': 'bytes */5' }).end(),
      'corrupt',
      /beyond its end/,
    ],
  ])('is refused by name: %s', async (_name, fault, failure, message) => {
    site.server.fault = times(Number.POSITIVE_INFINITY, fault);
    const download = await site.open();
    const error = await download.run(site.signal).catch((e) => e);
    expect(error).toMatchObject({ name: 'DistributionError', failure });
    expect(error.message).toMatch(message);
    // Nothing wrong was kept, and nobody is stopped from trying again.
    site.server.fault = null;
    await download.run(site.signal);
    await site.expectWhole(download.folder);
  });

  it('is given up where attempts are limited', async () => {
    site.server.fault = times(Number.POSITIVE_INFINITY, (_a, response) => !!response.writeHead(503).end());
    const download = await site.open({ retry: { ...FAST, attempts: 3 } });
    await expect(download.run(site.signal)).rejects.toThrow(/status 503 \(3 tries\)/);
  });
});

describe('a full disk', () => {
  const reason = smallDiskMissing();
  if (reason) console.warn(`skipped: ${reason}`);
  const test = reason ? it.skip : it;

  test('is named, and the download goes on once there is room', async () => {
    const disk = mountSmallDisk(join(site.home, 'disk'), 12);
    try {
      const download = await site.open({ home: disk.folder, strategy: 'conservative' });
      const error = await download.run(site.signal).catch((e) => e);
      expect(error).toMatchObject({ failure: 'disk-full' });
      expect(error.message).toMatch(/no space left for .*; free some and run again to resume/);
      const before = rangesAsked(site.server);
      disk.grow(80);
      await download.run(site.signal);
      await site.expectWhole(download.folder);
      const again = rangesAsked(site.server).filter(
        (range, index) => index >= before.length && before.includes(range),
      );
      expect(again.length).toBeLessThanOrEqual(1);
      await download.close();
    } finally {
      disk.unmount();
    }
  });
});
