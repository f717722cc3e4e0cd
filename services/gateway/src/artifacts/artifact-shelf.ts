import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { blobPath, CONFIG_TYPE, LadderError, MANIFEST_TYPE, readManifest } from '@zen/ladder';

/** One ladder that may be fetched from here. */
export interface ShelvedLadder {
  folder: string;
  /** `sha256:<hex>` of the manifest. */
  digest: string;
  index: Buffer;
  /** Everything that the manifest names, and itself, by hex digest. */
  blobs: ReadonlyMap<string, ShelvedBlob>;
}

export interface ShelvedBlob {
  path: string;
  /** Null for the manifest, whose size only the index says. */
  bytes: number | null;
  mediaType: string;
}

const NAME_PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
/** `model` or `model/plan`. */
const MAX_PARTS = 2;

/**
 * Ladders in the configured folders. A folder that is a ladder goes by its own name, ladders below a folder by their
 * path from it. The index of each is looked at again when it changes.
 */
export class ArtifactShelf {
  private readonly seen = new Map<string, { mtimeMs: number; ladder: ShelvedLadder }>();

  constructor(private readonly folders: readonly string[]) {}

  /** The ladder of that name, or null. Names come from outside: only plain ones become a path. */
  async find(name: string): Promise<ShelvedLadder | null> {
    const parts = name.split('/');
    if (parts.length > MAX_PARTS || !parts.every((part) => NAME_PART.test(part))) return null;
    for (const root of this.folders) {
      const itself = parts.length === 1 && basename(resolve(root)) === name ? await this.open(root) : null;
      const ladder = itself ?? (await this.open(join(root, ...parts)));
      if (ladder) return ladder;
    }
    return null;
  }

  private async open(folder: string): Promise<ShelvedLadder | null> {
    const path = join(folder, 'index.json');
    try {
      const { mtimeMs } = await stat(path);
      const seen = this.seen.get(folder);
      if (seen?.mtimeMs === mtimeMs) return seen.ladder;
      const ladder = await readLadder(folder, await readFile(path));
      this.seen.set(folder, { mtimeMs, ladder });
      return ladder;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'ENOTDIR') return null;
      if (error instanceof LadderError && error.failure === 'not-found') return null;
      throw error;
    }
  }
}

async function readLadder(folder: string, index: Buffer): Promise<ShelvedLadder> {
  const { digest, config, layers } = await readManifest(folder);
  const blobs = new Map<string, ShelvedBlob>();
  const add = (of: { digest: string; bytes: number | null }, mediaType: string) =>
    blobs.set(of.digest.slice('sha256:'.length), {
      path: blobPath(folder, of.digest),
      bytes: of.bytes,
      mediaType,
    });
  add({ digest, bytes: null }, MANIFEST_TYPE);
  add(config, CONFIG_TYPE);
  for (const layer of layers) add(layer, 'application/octet-stream');
  return { folder, digest, index, blobs };
}
