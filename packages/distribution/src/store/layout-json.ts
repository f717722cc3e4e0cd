import { ARTIFACT_TYPE, MANIFEST_TYPE } from '@zen/ladder';

/** Content of `oci-layout`. */
export const LAYOUT_JSON = JSON.stringify({ imageLayoutVersion: '1.0.0' });

/** Content of `index.json` of a layout that holds one ladder. */
export function indexJson(digest: string, size: number): string {
  const entry = { mediaType: MANIFEST_TYPE, artifactType: ARTIFACT_TYPE, digest, size };
  return JSON.stringify({ schemaVersion: 2, manifests: [entry] });
}
