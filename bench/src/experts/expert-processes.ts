import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, ThinkerProcess } from '../thinker-process';

const SERVICES = join(__dirname, '..', '..', '..', 'services');

export interface ExpertProcesses {
  thinker: ThinkerProcess;
  /** `host:port` of each pod. */
  pods: string[];
  stop(): Promise<void>;
}

/**
 * A thinker whose experts are all in `pods` pods, with an expert-router between them, each a process of its own with
 * one engine thread. Resolves when every stage can be answered from.
 */
export async function startExpertProcesses(
  ladder: string,
  experts: number,
  pods: number,
): Promise<ExpertProcesses> {
  const children: ChildProcess[] = [];
  const start = async (service: string, env: Record<string, string>) => {
    const listen = `127.0.0.1:${await freePort()}`;
    const script = join(SERVICES, service, 'dist', 'main.js');
    const settings = { ZEN_LISTEN: listen, ZEN_LOG_LEVEL: 'warn', ...env };
    children.push(
      spawn(process.execPath, [script], { env: { ...process.env, ...settings }, stdio: ['ignore', 2, 2] }),
    );
    return listen;
  };
  const addresses: string[] = [];
  for (let pod = 0; pod < pods; pod++) {
    addresses.push(
      await start('expert', {
        ZEN_LADDER: ladder,
        ZEN_EXPERT_POD: `pod-${pod}`,
        ZEN_EXPERTS_PER_LAYER: String(Math.ceil(experts / pods)),
        ZEN_THREADS: '1',
        ZEN_SCRUB_RATE: '0',
      }),
    );
  }
  const router = await start('expert-router', {
    ZEN_EXPERT_PODS: addresses.join(','),
    // One holder each: what is measured is the split, not the choice between replicas.
    ZEN_EXPERT_REDUNDANCY: '1',
  });
  const thinker = await ThinkerProcess.spawn(ladder, {
    ...THINKER,
    ZEN_EXPERT_ROUTER: router,
    ZEN_EXPERT_STAND_IN: '-1',
    ZEN_EXPERT_HEDGE: 'off',
  });
  const stop = async () => {
    await thinker.stop();
    for (const child of children) {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
    }
  };
  try {
    await thinker.complete();
  } catch (error) {
    await stop();
    throw error;
  }
  return { thinker, pods: addresses, stop };
}

/** The same thinker with all experts in its own process. */
export async function startLocal(ladder: string): Promise<ThinkerProcess> {
  const thinker = await ThinkerProcess.spawn(ladder, THINKER);
  await thinker.complete();
  return thinker;
}

const THINKER = {
  ZEN_THREADS: '1',
  ZEN_SPECULATION: 'off',
  ZEN_SCRUB_RATE: '0',
  ZEN_KV_BYTES: '256MiB',
  ZEN_MAX_RUNNING: '64',
};
