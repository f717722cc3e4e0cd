import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BlobWriter } from './blob-writer';
import { type LadderConfig, STAGES } from './ladder-config';
import { LadderError } from './ladder-error';
import {
  ARTIFACT_TYPE,
  blobPath,
  CONFIG_TYPE,
  MANIFEST_TYPE,
  STAGE_TYPE,
  type StageLayer,
  sha256Hex,
} from './oci-layout';

/** Writes a small file durably. */
export async function writeDurably(path: string, data: string | Uint8Array): Promise<void> {
  try {
    const file = await open(path, 'w');
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw LadderError.fromIo(error, path);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Whether a process still runs; a leftover of a dead one may be removed. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Builds an OCI layout beside its final place and renames it there when it is complete and on disk: a reader
 * sees the old ladder or the new one, whatever happens in between.
 */
export class LayoutWriter {
  private constructor(
    private readonly folder: string,
    private readonly temporary: string,
    readonly blobs: BlobWriter[],
  ) {}

  static async create(folder: string): Promise<LayoutWriter> {
    const parent = dirname(folder);
    const prefix = `.${basename(folder)}.`;
    try {
      await mkdir(parent, { recursive: true });
      for (const name of await readdir(parent)) {
        const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('.')[0]) : Number.NaN;
        if (Number.isInteger(pid) && (pid === process.pid || !alive(pid))) {
          await rm(join(parent, name), { recursive: true });
        }
      }
      const temporary = join(parent, `${prefix}${process.pid}.part`);
      await mkdir(join(temporary, 'blobs', 'sha256'), { recursive: true });
      const blobs: BlobWriter[] = [];
      for (let stage = 0; stage < STAGES; stage++) {
        blobs.push(await BlobWriter.create(stage, join(temporary, `stage-${stage}`)));
      }
      return new LayoutWriter(folder, temporary, blobs);
    } catch (error) {
      throw LadderError.fromIo(error, parent);
    }
  }

  /** Closes the blobs; the config can then name their sizes. */
  async finishBlobs(): Promise<StageLayer[]> {
    const layers: StageLayer[] = [];
    for (const blob of this.blobs) {
      const layer = await blob.finish();
      await rename(blob.path, blobPath(this.temporary, layer.digest));
      layers.push(layer);
    }
    return layers;
  }

  /** Writes config, manifest and index, and moves the layout to its place. */
  async publish(config: LadderConfig, layers: StageLayer[]): Promise<void> {
    await writeIndex(this.temporary, config, layers);
    await syncFolder(join(this.temporary, 'blobs', 'sha256'));
    await syncFolder(this.temporary);
    const old = join(dirname(this.folder), `.${basename(this.folder)}.${process.pid}.old`);
    try {
      await rename(this.folder, old).catch((error) => {
        if (error.code !== 'ENOENT') throw error;
      });
      await rename(this.temporary, this.folder);
      await syncFolder(dirname(this.folder));
      await rm(old, { recursive: true, force: true });
    } catch (error) {
      throw LadderError.fromIo(error, this.folder);
    }
  }

  /** Removes what was written. */
  async abandon(): Promise<void> {
    for (const blob of this.blobs) await blob.abandon();
    await rm(this.temporary, { recursive: true, force: true });
  }
}

/**
 * Writes the config blob, the manifest and, last and atomically, `index.json`, so it also replaces the config
 * of an existing ladder (measured quality) without touching its stages.
 */
export async function writeIndex(
  folder: string,
  config: LadderConfig,
  layers: StageLayer[],
): Promise<string> {
  const put = async (text: string) => {
    const digest = `sha256:${sha256Hex(text)}`;
    await writeDurably(blobPath(folder, digest), text);
    return { digest, size: Buffer.byteLength(text) };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: ARTIFACT_TYPE,
    config: { mediaType: CONFIG_TYPE, ...(await put(JSON.stringify(config))) },
    layers: layers.map((layer) => ({
      mediaType: STAGE_TYPE,
      digest: layer.digest,
      size: layer.bytes,
      annotations: { 'zen.stage': String(layer.stage), 'zen.chunks': layer.chunks.join(',') },
    })),
  };
  const entry = {
    mediaType: MANIFEST_TYPE,
    artifactType: ARTIFACT_TYPE,
    ...(await put(JSON.stringify(manifest))),
  };
  await writeDurably(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  const index = join(folder, 'index.json');
  await writeDurably(`${index}.part`, JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  await rename(`${index}.part`, index);
  return entry.digest;
}
