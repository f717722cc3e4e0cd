import type { TalkerConfig } from '../config';
import type { EngineSource } from './voices';

/** Which engine has which voice: the one place where engines are plugged in. */
export function openEngines(_config: TalkerConfig, _env: NodeJS.ProcessEnv): EngineSource[] {
  return [];
}
