import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fields, refuse } from './fields';
import { CHUNK_BYTES, type LadderConfig, STAGES } from './ladder-config';
import { LadderError } from './ladder-error';
import { MAX_CONFIG_BYTES, parseConfig } from './validate-config';

export const ARTIFACT_TYPE = 'application/vnd.zen.ladder.v1+json';
export const CONFIG_TYPE = 'application/vnd.zen.ladder.config.v1+json';
export const STAGE_TYPE = 'application/vnd.zen.ladder.stage.v1';
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** A stage's blob as the manifest describes it. */
export interface StageLayer {
  stage: number;
  digest: string;
  bytes: number;
  /** SHA-256 of each 4 MiB chunk, hex. */
  chunks: string[];
}

export interface LadderManifest {
  /** `sha256:<hex>` of the manifest itself: the ladder's name by content. */
  digest: string;
  config: { digest: string; bytes: number };
  layers: StageLayer[];
}

export function blobPath(folder: string, digest: string): string {
  return join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

export const sha256Hex = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');

/** Where the one manifest of an OCI layout is, from its `index.json`. */
export function parseIndex(json: Buffer): { digest: string; bytes: number } {
  const index = parse(json, 'index.json');
  const entry = Fields.of(index.list('manifests', 1, 1)[0], 'index.json manifests[0]');
  entry.choice('artifactType', [ARTIFACT_TYPE]);
  return { digest: digestOf(entry), bytes: entry.whole('size', 1, MAX_MANIFEST_BYTES) };
}

/** Checks an untrusted manifest completely; it is named by its content. */
export function parseManifest(json: Buffer): LadderManifest {
  if (json.byteLength > MAX_MANIFEST_BYTES) {
    throw refuse('manifest', `must have at most ${MAX_MANIFEST_BYTES} bytes, not ${json.byteLength}`);
  }
  const manifest = parse(json, 'manifest');
  manifest.choice('artifactType', [ARTIFACT_TYPE]);
  const config = manifest.child('config');
  config.choice('mediaType', [CONFIG_TYPE]);
  const layers = manifest.list('layers', STAGES, STAGES).map((value, stage): StageLayer => {
    const layer = Fields.of(value, `manifest layers[${stage}]`);
    layer.choice('mediaType', [STAGE_TYPE]);
    const size = layer.whole('size', 0, 2 ** 42);
    const annotations = layer.child('annotations');
    annotations.choice('zen.stage', [String(stage)]);
    const chunks = annotations.text('zen.chunks', MAX_MANIFEST_BYTES).split(',').filter(Boolean);
    const count = Math.ceil(size / CHUNK_BYTES);
    if (chunks.length !== count || chunks.some((chunk) => !/^[0-9a-f]{64}$/.test(chunk))) {
      throw refuse(annotations.at('zen.chunks'), `must list ${count} SHA-256 hashes`);
    }
    return { stage, digest: digestOf(layer), bytes: size, chunks };
  });
  return {
    digest: `sha256:${sha256Hex(json)}`,
    config: { digest: digestOf(config), bytes: config.whole('size', 1, MAX_CONFIG_BYTES) },
    layers,
  };
}

/** The manifest of a layout folder, bounded and checked against its digest. */
export async function readManifest(folder: string): Promise<LadderManifest> {
  const { digest, bytes } = parseIndex(await readBounded(join(folder, 'index.json'), MAX_MANIFEST_BYTES));
  return parseManifest(await readBlob(folder, digest, bytes));
}

/** Checks a config blob, and that it agrees with the manifest it belongs to. */
export function parseConfigOf(manifest: LadderManifest, json: string): LadderConfig {
  const config = parseConfig(json);
  for (const { stage, bytes } of manifest.layers) {
    if (config.stages[stage]!.bytes !== bytes) {
      throw refuse(`stages[${stage}].bytes`, `must be ${bytes}, as the manifest says`);
    }
  }
  return config;
}

/** A small blob, checked against its digest. */
export async function readBlob(folder: string, digest: string, bytes: number): Promise<Buffer> {
  const path = blobPath(folder, digest);
  const data = await readBounded(path, bytes);
  if (`sha256:${sha256Hex(data)}` !== digest) {
    throw new LadderError('corrupt', `${path}: content does not match its digest`);
  }
  return data;
}

async function readBounded(path: string, most: number): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > most) throw refuse(path, `must have at most ${most} bytes, not ${size}`);
    return await readFile(path);
  } catch (error) {
    throw LadderError.fromIo(error, path);
  }
}

function parse(data: Buffer, name: string): Fields {
  try {
    return Fields.of(JSON.parse(data.toString('utf8')), name);
  } catch (error) {
    if (error instanceof LadderError) throw error;
    throw refuse(name, `must be JSON: ${(error as Error).message}`);
  }
}

function digestOf(fields: Fields): string {
  const digest = fields.text('digest', 71);
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw refuse(fields.at('digest'), 'must be a sha256 digest');
  return digest;
}
