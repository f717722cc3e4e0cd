import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Where the build of `web/` puts the page; the same from `src/` and from `dist/`. */
export const PAGE_FOLDER = join(__dirname, '../../web/dist/page');

export interface PageFile {
  type: string;
  body: Buffer;
  /** Absent where compressing gains nothing. */
  gzip: Buffer | undefined;
  etag: string;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The built page, read once: a few dozen kilobytes, and nothing outside the folder can ever be asked for. */
export class PageFiles {
  private constructor(
    readonly index: PageFile,
    private readonly assets: ReadonlyMap<string, PageFile>,
  ) {}

  /** Null where the page is not built. */
  static load(folder: string): PageFiles | null {
    if (!existsSync(join(folder, 'index.html'))) return null;
    const assets = new Map<string, PageFile>();
    for (const name of readdirSync(join(folder, 'assets'))) {
      assets.set(name, read(join(folder, 'assets', name)));
    }
    return new PageFiles(read(join(folder, 'index.html')), assets);
  }

  /** A file of `assets/`; its name holds a hash of its content. */
  asset(name: string): PageFile | undefined {
    return this.assets.get(name);
  }
}

function read(path: string): PageFile {
  const type = TYPES[extname(path)];
  if (type === undefined) throw new Error(`${path}: the page has a file of a type that is not served`);
  const body = readFileSync(path);
  const gzip = gzipSync(body, { level: 9 });
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`;
  return { type, body, gzip: gzip.length < body.length ? gzip : undefined, etag };
}
