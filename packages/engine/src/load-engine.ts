import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkedEngine } from './checked-engine';
import { EngineError } from './engine-error';
import type { NativeEngine } from './native';

const ADDON = join(__dirname, '../native/build/zen_engine.node');

/** Loads the native engine. Throws an EngineError (`missing`) where it has not been built for this machine. */
export function loadEngine(path = ADDON): NativeEngine {
  return checkedEngine(loadAddon<NativeEngine>(path));
}

/** The addon as it is, unchecked; throws as `loadEngine`. */
export function loadAddon<Surface>(path = ADDON): Surface {
  const missing = (limit: string, cause?: unknown) =>
    new EngineError({ kind: 'missing', name: path, limit }, { cause });
  if (!existsSync(path)) throw missing('must be built first: npm run build');
  try {
    return require(path) as Surface;
  } catch (error) {
    throw missing(`must be built for this machine (npm run build): ${(error as Error).message}`, error);
  }
}
