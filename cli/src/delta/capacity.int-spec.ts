import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { TYPESCRIPT_RUNNER } from '@zen/testing';

const MAIN = join(__dirname, '..', 'main.ts');
const zen = (...argv: string[]) => ['-r', TYPESCRIPT_RUNNER, MAIN, 'delta', 'capacity', ...argv];

jest.setTimeout(120_000);

describe('zen delta capacity', () => {
  it('prints a row for each number of sequences, as JSON too', () => {
    const argv = zen(
      '--base',
      'smollm2-135m',
      '--rank',
      '8',
      '--memory',
      '24GB',
      '--sequences',
      '0,8',
      '--json',
    );
    const value = JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' }));
    expect(value).toMatchObject({ base: 'smollm2-135m', usableBytes: 21_600_000_000 });
    expect(value.answers).toMatchObject([
      { sequences: 0, kvBytes: 0, deltaBytes: 117_120, resident: 182_129, withoutKv: 182_129 },
      { sequences: 8, kvBytes: 8 * 2048 * 23_040, deltaBytes: 117_120, resident: 178_906 },
    ]);
  });

  it.each([
    [['--memory', 'much'], 2, "'--memory <size>' argument 'much' is invalid. must be a size such as 512MiB"],
    [['--usable', '1.1'], 2, 'must be above 0 and at most 1'],
    [['--modules', 'q,q'], 2, 'must be some of q,k,v,o,gate,up,down, each once'],
    [['--recipe', 'dense1', '--group', '7'], 1, 'group: 7 columns do not divide the 2560 of q'],
  ])('%s is refused by name', (argv, status, message) => {
    const run = spawnSync(process.execPath, zen(...argv), { encoding: 'utf8' });
    expect({ status: run.status, stderr: run.stderr }).toEqual({
      status,
      stderr: expect.stringContaining(message),
    });
  });
});
