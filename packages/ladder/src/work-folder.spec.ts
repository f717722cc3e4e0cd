import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkFolder } from './work-folder';

let parent = '';
let target = '';
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'zen-work-'));
  target = join(parent, 'ladder');
});
afterEach(() => rm(parent, { recursive: true }));

const rung = {
  codes: Uint8Array.of(1, 2, 3),
  rowScale: Uint16Array.of(500, 65_535),
  scale: Uint8Array.of(4),
  zero: Uint8Array.of(5),
  bent: 6,
};

describe('WorkFolder', () => {
  it('gives back what it was given, to the next process too', async () => {
    const first = await WorkFolder.open(target, { a: 1 });
    await first.keepCoding('a.weight', { rungs: [rung, rung], residualBits: 3 });
    await first.keepStates(7, Float32Array.of(1.5, -2));
    await first.keepNote('sha256', 'abc');
    await first.keepFloats('f', Float32Array.of(0.1, Number.NaN, 3));
    const second = await WorkFolder.open(target, { a: 1 });
    expect(await second.floats('f')).toEqual(Float32Array.of(0.1, Number.NaN, 3));
    expect(await second.floats('g')).toBeNull();
    expect(await second.coding('a.weight')).toEqual({ rungs: [rung, rung], residualBits: 3 });
    expect(await second.states()).toEqual({ layer: 7, x: Float32Array.of(1.5, -2) });
    expect(await second.note('sha256')).toBe('abc');
    expect(await second.coding('b.weight')).toBeNull();
    await second.remove();
    expect(await readdir(parent)).toEqual([]);
  });

  it('throws work of another key away', async () => {
    const first = await WorkFolder.open(target, { a: 1 });
    await first.keepNote('sha256', 'abc');
    const second = await WorkFolder.open(target, { a: 2 });
    expect(await second.note('sha256')).toBeNull();
  });

  it('refuses a target that a living process works on', async () => {
    const work = await WorkFolder.open(target, 1);
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await writeFile(join(work.folder, 'pid'), String(other.pid));
      await expect(WorkFolder.open(target, 1)).rejects.toThrow(`is being worked on by process ${other.pid}`);
    } finally {
      other.kill('SIGKILL');
    }
    await new Promise((done) => other.once('exit', done));
    await WorkFolder.open(target, 1);
  });
});
