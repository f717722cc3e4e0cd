import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ExpertFloor } from '@zen/contracts';
import { PacedThinker, TYPESCRIPT_RUNNER } from '@zen/testing';

jest.setTimeout(60_000);

const MAIN = [TYPESCRIPT_RUNNER, join(__dirname, 'main.ts')] as const;
const GATEWAY = join(__dirname, '../../services/gateway/dist/main.js');

/** `zen chat` against a gateway process; the stand-in thinker says what it was asked. */
describe('zen chat', () => {
  const thinker = new PacedThinker({
    pieceMs: 1,
    stages: [0, 1, 2].map((stage) => ({
      stage,
      decodeBaseUs: 1000,
      decodePerSequenceUs: 0,
      prefillUsPerToken: 0,
    })),
  });
  let gateway: ChildProcess;
  let url = '';

  beforeAll(async () => {
    gateway = spawn(process.execPath, [GATEWAY], {
      env: {
        ZEN_LISTEN: '127.0.0.1:0',
        ZEN_GRPC_LISTEN: '127.0.0.1:0',
        ZEN_THINKERS: await thinker.start(),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: gateway.stdout! })) {
      const { msg, http } = JSON.parse(line) as { msg: string; http?: string };
      if (msg !== 'listening') continue;
      url = `http://${http}`;
      break;
    }
    while (!(await fetch(`${url}/readyz`)).ok) await new Promise((resolve) => setTimeout(resolve, 20));
  });
  afterAll(async () => {
    gateway.kill('SIGKILL');
    await once(gateway, 'exit');
    await thinker.stop();
  });

  async function zen(args: string[], input = '') {
    const child = spawn(process.execPath, ['-r', ...MAIN, 'chat', '--url', url, ...args]);
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (said.stdout += chunk));
    child.stderr.on('data', (chunk) => (said.stderr += chunk));
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { code, ...said };
  }

  test('asks once, prints the answer and says which stage gave it', async () => {
    const { code, stdout, stderr } = await zen(['hello', 'there', '--max-tokens', '3']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'w0 w1 w2 ' });
    expect(stderr).toContain('[stage 2: full]');
  });

  test('--json gives the answer as one line', async () => {
    const { stdout } = await zen(['hello', '--max-tokens', '2', '--stage', '0', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      text: 'w0 w1 ',
      stage: 0,
      reason: 'pinned',
      delta: null,
      finishReason: 'length',
    });
  });

  test('experts that were away are told, and how far the answer may fall is asked for', async () => {
    thinker.options.standIns = 2;
    const args = ['hello', '--max-tokens', '2', '--expert-floor', 'without'];
    const { stderr } = await zen(args);
    const { stdout } = await zen([...args, '--json']);
    thinker.options.standIns = 0;
    expect(stderr).toContain('[stage 2: full; experts away: 4 stand-ins, 0 left out]');
    expect(JSON.parse(stdout).expertFalls).toEqual({ stand_in: 4, without: 0 });
    expect(thinker.requests.at(-1)?.expertFloor).toBe(ExpertFloor.EXPERT_FLOOR_WITHOUT);
    const { code, stderr: refused } = await zen(['hello', '--expert-floor', 'low']);
    expect(code).not.toBe(0);
    expect(refused).toContain('exact, stand-in, without');
  });

  test('a conversation carries what was said before', async () => {
    const { code, stdout } = await zen(['--max-tokens', '1'], 'first\nsecond\n');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'w0 w0 ' });
    const asked = thinker.requests.at(-1)?.prompt;
    expect(asked?.$case === 'chat' && asked.value.messages.map(({ content }) => content)).toEqual([
      'first',
      'w0 ',
      'second',
    ]);
  });

  test('a refusal is said in words', async () => {
    const { code, stderr } = await zen(['hello', '--model', 'other']);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/404 .*other/);
  });
});
