import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { refuse } from './fields';
import type { LadderConfig } from './ladder-config';
import { LadderError } from './ladder-error';
import { blobPath, type LadderManifest, parseConfigOf, readBlob, readManifest } from './oci-layout';

/** How a ladder was packed: `quick` (rounding only) or `full` (calibrated). */
export type PlanName = 'quick' | 'full';

export interface OpenLadder {
  folder: string;
  config: LadderConfig;
  /** The config blob as it is, for the engine. */
  configJson: string;
  /** Stage k's blob at index k; sizes are checked, contents are not (see `verifyLadder`). */
  stagePaths: string[];
  /** `sha256:<hex>` of the manifest. */
  digest: string;
  manifest: LadderManifest;
}

/** Where a packed model is kept below the cache folder. */
export function ladderPath(home: string, name: string, plan: PlanName | string): string {
  for (const part of [name, plan]) {
    if (!/^[a-z0-9][a-z0-9._-]{0,199}$/.test(part)) {
      throw refuse(`name ${JSON.stringify(part)}`, 'must be at most 200 of a-z, 0-9, ".", "_" and "-"');
    }
  }
  return join(home, 'ladders', name, plan);
}

/** Reads and checks manifest and config of an OCI layout folder. */
export async function openLadder(folder: string): Promise<OpenLadder> {
  const manifest = await readManifest(folder);
  const configJson = (await readBlob(folder, manifest.config.digest, manifest.config.bytes)).toString('utf8');
  const config = parseConfigOf(manifest, configJson);
  const stagePaths: string[] = [];
  for (const layer of manifest.layers) {
    const path = blobPath(folder, layer.digest);
    const { size } = await stat(path).catch((error) => {
      throw LadderError.fromIo(error, path);
    });
    if (size !== layer.bytes) {
      throw new LadderError(
        'corrupt',
        `${path}: stage ${layer.stage} has ${size} bytes, must have ${layer.bytes}`,
      );
    }
    stagePaths.push(path);
  }
  return { folder, config, configJson, stagePaths, digest: manifest.digest, manifest };
}
