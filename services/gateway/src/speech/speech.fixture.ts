import { type ServiceProcess, startService } from '@zen/testing';
import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

export interface SpeakingGateway extends Running {
  talker: ServiceProcess;
}

/** A gateway in this process before a real talker in its own, with its voices there. */
export async function openSpeakingGateway(
  env: Record<string, string> = {},
  talkerEnv: Record<string, string> = {},
  thinkers = [new PacedThinker()],
): Promise<SpeakingGateway> {
  const talker = await startService(
    'talker',
    { ZEN_PROBE_LISTEN: '127.0.0.1:0', ...talkerEnv },
    'voices here',
  );
  const running = await openGateway(thinkers, { ZEN_TALKERS: talker.address, ...env });
  await until('the talker is connected', async () => (await fetch(`${running.url}/v1/audio/voices`)).ok);
  const stop = async () => {
    await running.stop();
    await talker.end('SIGTERM');
  };
  return { ...running, talker, stop };
}
