import { DeltaError } from './delta-error';
import type { DeltaManifest } from './manifest';
import type { DeltaModel } from './modules';

/** Refuses a delta that was made for another base than the one with this digest and these shapes. */
export function checkBase(manifest: DeltaManifest, digest: string, model: DeltaModel): void {
  if (manifest.base !== digest) {
    throw new DeltaError('wrong-base', `the delta was made for base ${manifest.base}, this is ${digest}`);
  }
  for (const field of Object.keys(manifest.model) as (keyof DeltaModel)[]) {
    if (manifest.model[field] === model[field]) continue;
    throw new DeltaError(
      'wrong-shape',
      `model.${field} is ${manifest.model[field]}, the base has ${model[field]}`,
    );
  }
}
