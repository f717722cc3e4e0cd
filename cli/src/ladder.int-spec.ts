import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheHome } from '@zen/importers';
import { openLadder } from '@zen/ladder';
import { TYPESCRIPT_RUNNER } from '@zen/testing';

// Packs the real SmolLM2 without calibration (seconds) and damages it in every way.
const MODEL = 'smollm2-135m-instruct';
const MAIN = [TYPESCRIPT_RUNNER, join(__dirname, 'main.ts')] as const;
const env = { ...process.env, ZEN_HOME: cacheHome(process.env) };
const argv = (args: string[]) => ['-r', MAIN[0], MAIN[1], ...args];

function zen(...args: string[]) {
  const result = spawnSync(process.execPath, argv(args), { env, encoding: 'utf8' });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

function zenJson(...args: string[]) {
  const { code, stdout, stderr } = zen(...args, '--json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const packArgs = (folder: string, measuredTokens: number) => [
  ...['pack', MODEL, '--plan', 'quick', '--calibration', '0', '--out', folder],
  ...['--measure', String(measuredTokens)],
];

/** Without measuring what it made, for what is about the way there. */
const quickArgs = (folder: string) => packArgs(folder, 0);

describe('a ladder of SmolLM2', () => {
  let folder = '';
  let ladder = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'zen-ladder-'));
    ladder = join(folder, 'packed');
    const packed = zenJson(...packArgs(ladder, 128));
    expect(packed.stages).toHaveLength(5);
    expect(packed.bytes / packed.sourceBytes).toBeLessThan(1.35);
    expect(packed.stages[0].bitsPerLinearWeight).toBeLessThan(3.3);
    expect(packed.stages[1].bitsPerLinearWeight).toBeLessThanOrEqual(3.7);
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("has exactly the source's values at the top stage", () => {
    const verified = zenJson('verify', ladder);
    expect(verified).toMatchObject({ ok: true, tensors: 272 });
    // Computed once from the GGUF file by the gguf package of Python: names in byte order, float32 row-major.
    expect(verified.tensorsSha256).toBe('04cbf1832809d37de1d21b6809784d510f635cbe8685252a824781d884253b26');
  }, 300_000);

  it('says what is in it', () => {
    const shown = zenJson('inspect', ladder, '--tensors');
    expect(shown.model).toMatchObject({ architecture: 'llama', layers: 30 });
    expect(shown.tensors).toHaveLength(272);
    expect(shown.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(zen('inspect', ladder).stdout).toMatch(/stage +bytes/);
  });

  it('goes on measuring where it was killed, to the same report', () => {
    const short = ['--tokens', '400', '--no-answers', '--no-keep'];
    const args = (report: string) => ['quality', ladder, ...short, '--report', join(folder, report)];
    zenJson(...args('whole.json'));
    const work = join(folder, '.cut.json.work');
    killedWhenWritten('text-0.f32', args('cut.json'));
    expect(existsSync(join(work, 'text-0.f32'))).toBe(true);
    zenJson(...args('cut.json'));
    expect(existsSync(work)).toBe(false);
    expect(readFileSync(join(folder, 'cut.json'))).toEqual(readFileSync(join(folder, 'whole.json')));
  }, 600_000);

  it('names the stage and chunk of a flipped bit', async () => {
    const damaged = join(folder, 'damaged');
    cpSync(ladder, damaged, { recursive: true });
    const { stagePaths } = await openLadder(damaged);
    const file = openSync(stagePaths[2]!, 'r+');
    const byte = Buffer.alloc(1);
    const at = 4 * 1024 * 1024 + 12_345;
    readSync(file, byte, 0, 1, at);
    byte[0]! ^= 4;
    writeSync(file, byte, 0, 1, at);
    const { code, stderr } = zen('verify', damaged);
    expect(stderr).toMatch(/stage 2 chunk 1 does not match/);
    expect(code).toBe(3);
    rmSync(damaged, { recursive: true });
  }, 300_000);

  it('refuses a truncated blob and a foreign folder', async () => {
    const cut = join(folder, 'cut');
    cpSync(ladder, cut, { recursive: true });
    const { stagePaths } = await openLadder(cut);
    execFileSync('truncate', ['-s', '-1', stagePaths[4]!]);
    expect(zen('inspect', cut)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/stage 4 has \d+ bytes/),
    });
    rmSync(cut, { recursive: true });
    expect(zen('inspect', join(folder, 'nowhere'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not found/),
    });
  });

  it('goes on where it was when it is killed while coding, and leaves nothing half-made when while writing', async () => {
    const killed = join(folder, 'killed');
    const work = join(folder, '.killed.work');
    const coded = join(work, 'blk.3.attn_q.weight.coded');
    killedWhenWritten('blk.3.attn_q.weight.coded', quickArgs(killed));
    const kept = statSync(coded).ino;
    const writing = spawn(process.execPath, argv(quickArgs(killed)), {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await stderrLine(writing, 'writing');
    writing.kill('SIGKILL');
    await once(writing, 'exit');
    expect(existsSync(killed)).toBe(false);
    expect(statSync(coded).ino).toBe(kept);
    zenJson(...quickArgs(killed));
    const layers = async (at: string) => (await openLadder(at)).manifest.layers;
    expect(await layers(killed)).toEqual(await layers(ladder));
    expect(readdirSync(folder).filter((name) => name.startsWith('.killed'))).toEqual([]);
    rmSync(killed, { recursive: true });
  }, 600_000);

  it('says that the disk is full and removes what it wrote', () => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk], {
      encoding: 'utf8',
    });
    if (mounted.status !== 0) {
      console.warn(`skipped: no small disk can be mounted here: ${mounted.stderr.trim()}`);
      return;
    }
    try {
      const { code, stderr } = zen(...quickArgs(join(disk, 'packed')));
      expect(stderr).toMatch(/the disk is full/);
      expect(code).toBe(4);
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      execFileSync('umount', [disk]);
    }
  }, 300_000);
});

describe('zen', () => {
  it.each(['pull', 'pack', 'inspect', 'verify', 'quality', 'chat'])('explains %s', (command) => {
    const { code, stdout } = zen(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('--json');
  });

  it.each([
    [['pack', MODEL, '--plan', 'best']],
    [['pack', MODEL, '--threads', '0']],
    [['chat', '--stage', '9']],
    [['melt']],
  ])('ends with 2 for %j', (args) => {
    expect(zen(...args).code).toBe(2);
  });

  it('names the gateway that does not answer', () => {
    const { code, stderr } = zen('chat', 'hello', '--url', 'http://127.0.0.1:9');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^zen: http:\/\/127.0.0.1:9/);
  });
});

/** Runs the command until this file stands in its work folder; nothing of the process is left then. */
function killedWhenWritten(name: string, args: string[]): void {
  const killer = join(__dirname, 'killed-when-written.fixture.cjs');
  const { signal, stderr } = spawnSync(process.execPath, ['-r', killer, ...argv(args)], {
    env: { ...env, KILLED_WHEN_WRITTEN: name },
    encoding: 'utf8',
  });
  expect([signal, signal ?? stderr]).toEqual(['SIGKILL', 'SIGKILL']);
}

/** Resolves when the child has printed this line. */
function stderrLine(child: ChildProcess, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr!.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.split('\n').includes(line)) resolve();
    });
    child.once('exit', () => reject(new Error(`ended without "${line}":\n${text}`)));
  });
}
