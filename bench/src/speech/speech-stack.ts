import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TalkerServiceDefinition } from '@zen/contracts';
import { client } from '@zen/rpc';
import { ladderOf } from '../subjects';
import { freePort, ThinkerProcess } from '../thinker-process';

export const MODEL = 'smollm2-135m-instruct';
/** Who answers, and who asks. */
export const VOICES = ['heart', 'joe'] as const;

const serviceScript = (service: string) =>
  join(__dirname, '..', '..', '..', 'services', service, 'dist', 'main.js');
/** The first start fetches voices and Whisper. */
const READY_MS = 600_000;

/** What a bench talks to: every service a process of its own, as users run them. */
export interface SpeechStack {
  /** `http://host:port` */
  gateway: string;
  /** `host:port` of the talker's gRPC server. */
  talker: string;
  /** As the gateway calls it. */
  model: string;
  processes: { name: string; pid: number }[];
  stop(): void;
}

/** Gateway, thinker (with `thinkerEnv`) and talker with real weights, warm enough to answer. */
export async function startSpeechStack(
  sessions: number,
  thinkerEnv: Record<string, string> = {},
): Promise<SpeechStack> {
  const children: ChildProcess[] = [];
  const stop = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  try {
    const talker = `127.0.0.1:${await freePort()}`;
    const voice = startScript(serviceScript('talker'), {
      ZEN_LISTEN: talker,
      ZEN_TALKER_VOICES: VOICES.join(','),
      ZEN_TALKER_MAX_SPEAKING: String(Math.max(16, 2 * sessions)),
    });
    children.push(voice);
    const thinker = await ThinkerProcess.spawn(ladderOf({ name: MODEL }), thinkerEnv);
    children.push(endWithThis(thinker.child));
    await Promise.all([thinker.complete(), talkerReady(talker, voice)]);
    const { child, url } = await startGateway({ ZEN_THINKERS: thinker.address, ZEN_TALKERS: talker });
    children.push(child);
    thinker.client.close();
    const processes = [
      { name: 'gateway', pid: child.pid ?? 0 },
      { name: 'thinker', pid: thinker.child.pid ?? 0 },
      { name: 'talker', pid: voice.pid ?? 0 },
    ];
    return { gateway: url, talker, model: MODEL, processes, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** The real gateway before stand-ins that take exactly the stages' time. */
export async function startPacedStack(): Promise<SpeechStack> {
  const paced = endWithThis(fork(join(__dirname, 'paced-stages-process.js')));
  try {
    const [{ thinker, talker }] = (await once(paced, 'message')) as [{ thinker: string; talker: string }];
    const { child, url } = await startGateway({ ZEN_THINKERS: thinker, ZEN_TALKERS: talker });
    const stop = () => {
      child.kill('SIGKILL');
      paced.kill('SIGKILL');
    };
    return { gateway: url, talker, model: 'paced', processes: [], stop };
  } catch (error) {
    paced.kill('SIGKILL');
    throw error;
  }
}

/** A bench that is ended leaves nobody behind. */
function endWithThis(child: ChildProcess): ChildProcess {
  const end = () => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  return child;
}

function startScript(script: string, env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, ZEN_LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 2, 2],
  });
  return endWithThis(child);
}

async function startGateway(env: Record<string, string>): Promise<{ child: ChildProcess; url: string }> {
  const [http, grpc] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const child = startScript(serviceScript('gateway'), { ZEN_LISTEN: http, ZEN_GRPC_LISTEN: grpc, ...env });
  const url = `http://${http}`;
  try {
    await until('the gateway', child, async () => (await fetch(`${url}/readyz`)).ok);
    return { child, url };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

async function talkerReady(address: string, child: ChildProcess): Promise<void> {
  const rpc = client(TalkerServiceDefinition, address);
  try {
    await until('the talker', child, async () => {
      const { voices, transcriber } = await rpc.describeTalker({});
      return transcriber !== '' && VOICES.every((name) => voices.some((voice) => voice.name === name));
    });
  } finally {
    rpc.close();
  }
}

async function until(name: string, child: ChildProcess, ready: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + READY_MS; performance.now() < end; ) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    if (await ready().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} was not ready after ${READY_MS / 1000} s`);
}
