import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SpeechError } from '@zen/speech';
import type { TurnIds } from './omni-prompt';

/** A folder with a Qwen3-Omni model: config.json and its safetensors. */
export interface OmniCheckpoint {
  configJson: string;
  files: string[];
  /** Names of its voices. */
  speakers: string[];
  turns: TurnIds;
  /** Positions that the talker was trained with. */
  contextTokens: number;
}

const VOICE = /^[a-z0-9-]{1,64}$/;

/**
 * Reads what of the config is needed before the weights are opened; the engine checks all of it.
 *
 * @throws SpeechError `bad-model`
 */
export function readOmniCheckpoint(folder: string): OmniCheckpoint {
  const bad = (what: string, cause?: unknown) =>
    new SpeechError('bad-model', `${folder}: ${what}`, { cause });
  let configJson: string;
  let config: Record<string, unknown>;
  let files: string[];
  try {
    configJson = readFileSync(join(folder, 'config.json'), 'utf8');
    config = JSON.parse(configJson) as Record<string, unknown>;
    files = readdirSync(folder)
      .filter((name) => name.endsWith('.safetensors'))
      .sort();
  } catch (error) {
    throw bad(`config.json must be readable JSON: ${(error as Error).message}`, error);
  }
  if (files.length === 0) throw bad('must have safetensors');
  const at = (path: string): unknown =>
    path
      .split('.')
      .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], config);
  const id = (path: string): number => {
    const value = at(path);
    if (!Number.isInteger(value) || (value as number) < 0) throw bad(`${path} must be a whole number`);
    return value as number;
  };
  const speakers = Object.keys((at('talker_config.speaker_id') as object | undefined) ?? {});
  const odd = speakers.find((name) => !VOICE.test(name));
  if (speakers.length === 0 || odd !== undefined) {
    throw bad(`talker_config.speaker_id must have names of lower-case letters, digits and "-"`);
  }
  return {
    configJson,
    files: files.map((name) => join(folder, name)),
    speakers,
    turns: {
      imStart: id('im_start_token_id'),
      user: id('user_token_id'),
      assistant: id('assistant_token_id'),
      audio: id('thinker_config.audio_token_id'),
      image: id('thinker_config.image_token_id'),
      video: id('thinker_config.video_token_id'),
    },
    contextTokens: id('talker_config.text_config.max_position_embeddings'),
  };
}
