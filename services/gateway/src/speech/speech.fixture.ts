import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceProcess, startService } from '@zen/testing';
import { openGateway, PacedThinker, type Running } from '../gateway.fixture';

export interface SpeakingGateway extends Running {
  talker: ServiceProcess;
  thinkers: PacedThinker[];
}

/** A gateway in this process before a real talker in its own, with its voices there, and ears where asked for. */
export async function openSpeakingGateway(
  env: Record<string, string> = {},
  ears: 'none' | 'whisper-base' = 'none',
  thinkers = [new PacedThinker()],
): Promise<SpeakingGateway> {
  const talker = await startService(
    'talker',
    { ZEN_PROBE_LISTEN: '127.0.0.1:0', ZEN_TALKER_EARS: ears },
    'voices here',
  );
  const running = await openGateway(thinkers, { ZEN_TALKERS: talker.address, ...env });
  const models = ears === 'none' ? ['tts-1'] : ['tts-1', 'whisper-1'];
  // However long they take to load: the test's own time ends it.
  for (;;) {
    const { data } = await running.openai.models.list();
    if (models.every((model) => data.some(({ id }) => id === model))) break;
    await sleep(50);
  }
  const stop = async () => {
    await running.stop();
    await talker.end('SIGTERM');
  };
  return { ...running, talker, thinkers, stop };
}
