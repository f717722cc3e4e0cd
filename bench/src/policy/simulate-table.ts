import { type Chooser, type ChooserContext, fixed, ours, threshold } from './chooser';
import { LOAD_SHAPES, type LoadOptions, type LoadShape, loadOf, seeded } from './load-shapes';
import type { RecordedCosts } from './recorded-costs';
import { type Score, scoreOf } from './score';
import { simulate } from './simulate';

export interface TableOptions extends ChooserContext {
  costs: RecordedCosts;
  load: LoadOptions;
  thresholds: readonly number[];
}

export interface TableRow extends Score {
  shape: LoadShape;
  policy: string;
}

/** Up to this share longer than recorded, each step. */
const NOISE = 0.15;

/** Every policy at every shape of load, the same load for all. */
export async function simulateTable(options: TableOptions, shapes = LOAD_SHAPES): Promise<TableRow[]> {
  const rows: TableRow[] = [];
  for (const shape of shapes) {
    const arrivals = loadOf(shape, options.load);
    const choosers: Chooser[] = [
      fixed('top', options),
      fixed('lowest', options),
      ...options.thresholds.map((most) => threshold(most, options)),
      ours(options),
    ];
    for (const chooser of choosers) {
      const random = seeded(options.load.seed + 1);
      const noise = () => 1 + NOISE * random();
      const served = await simulate({ ...options, arrivals, chooser, noise });
      const score = scoreOf(served, options.objective, chooser.changes());
      rows.push({ shape, policy: chooser.name, ...score });
    }
  }
  return rows;
}
