import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheHome } from '@zen/disk';
import { ladderPath } from '@zen/ladder';

const ROOT = join(__dirname, '..', '..', '..');
const MODEL = 'smollm2-135m-instruct';
const LONGEST_MS = 15 * 60_000;

export interface UpcycledOptions {
  /** The first layers of SmolLM2; 30 are all. Each adds 20 MB to the mixture. */
  layers?: number;
  /** Experts differ from the dense model's feed-forward and from each other. */
  perturbed?: boolean;
}

/** Folders of two quickly packed ladders. */
export interface UpcycledLadders {
  /** 8 experts, 2 for a token, gates normalized. */
  mixture: string;
  /** The dense model of as many layers, which answers like a mixture of copies at stages 0 and 4. */
  dense: string;
}

/**
 * SmolLM2 as a mixture of experts, from the cache, where it is made first if it is not there (half a minute), or why it
 * cannot be had. Plainly rounded, so copies of a matrix have the same codes. Blocks: call it while a suite loads.
 */
export function upcycledLadder(options: UpcycledOptions = {}): UpcycledLadders | { missing: string } {
  const { layers = 6, perturbed = false } = options;
  const base = `${MODEL}-${layers}-layers`;
  const names = { mixture: `${base}-8x${perturbed ? '-perturbed' : ''}`, dense: `${base}-dense` };
  const folders = { mixture: folderOf(names.mixture), dense: folderOf(names.dense) };
  const wanted = (['mixture', 'dense'] as const).filter(
    (each) => !existsSync(join(folders[each], 'index.json')),
  );
  if (wanted.length === 0) return folders;
  mkdirSync(dirname(folders.mixture), { recursive: true });
  // Made beside its place and renamed there, whoever else makes the same.
  const scratch = mkdtempSync(join(dirname(folders.mixture), '.upcycled-'));
  try {
    const upcycle = ['upcycle', MODEL, '--layers', String(layers), '--output', scratch];
    const why = zen([...upcycle, '--perturb', perturbed ? '0.2' : '0']);
    if (why !== null) return { missing: why };
    for (const each of wanted) {
      const packed = join(scratch, each);
      const source = join(scratch, `${names[each]}.gguf`);
      const plan = ['--plan', 'quick', '--calibration', '0', '--measure', '0'];
      const failed = zen(['pack', source, ...plan, '--out', packed]);
      if (failed !== null) return { missing: failed };
      mkdirSync(dirname(folders[each]), { recursive: true });
      if (!existsSync(folders[each])) renameSync(packed, folders[each]);
    }
    return folders;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

const folderOf = (name: string) => ladderPath(cacheHome(process.env), name, 'quick');

/** Runs the command line; null, or why it failed. */
function zen(args: string[]): string | null {
  const cli = join(ROOT, 'cli', 'dist', 'main.js');
  if (!existsSync(cli)) return 'the command line is not built';
  const { status, stderr } = spawnSync(process.execPath, [cli, ...args], {
    timeout: LONGEST_MS,
    encoding: 'utf8',
  });
  return status === 0 ? null : `zen ${args[0]} ended with ${status}: ${stderr.trim().split('\n').at(-1)}`;
}
