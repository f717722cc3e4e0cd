import type { Talkers } from './talkers';

/** What talkers offer, under the names that OpenAI's clients know; `task` says that they do not chat. */
export function speechModels(talkers: Talkers) {
  const about = { object: 'model' as const, created: 0, owned_by: 'zen' };
  const voices = talkers.voices().map(({ name }) => name);
  const speaks = voices.length > 0 ? [{ id: 'tts-1', ...about, task: 'speech', voices }] : [];
  const names = talkers.transcribers();
  const listens = names.length > 0 ? ['whisper-1', ...names.filter((name) => name !== 'whisper-1')] : [];
  return [...speaks, ...listens.map((id) => ({ id, ...about, task: 'transcription' }))];
}
