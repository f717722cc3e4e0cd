import { type ServiceProcess, startService } from '@zen/testing';
import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

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
  await until('the talker is connected', async () => (await fetch(`${running.url}/v1/audio/voices`)).ok);
  const listening = async () =>
    (await running.openai.models.list()).data.some(({ id }) => id === 'whisper-1');
  if (ears !== 'none') await until('it listens', listening);
  const stop = async () => {
    await running.stop();
    await talker.end('SIGTERM');
  };
  return { ...running, talker, thinkers, stop };
}
