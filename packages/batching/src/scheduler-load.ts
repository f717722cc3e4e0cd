import type { StageCost } from './cost-model';
import type { Sequence } from './sequence';
import type { DraftCounts, DrafterName } from './speculation/speculator';

export interface SchedulerLoad {
  running: number;
  /** Waiting for a place in the batch, preempted ones included. */
  waiting: number;
  /** Paused because their consumers do not take what they have. */
  parked: number;
  /** Waiting for experts that cannot be had now. */
  away: number;
  /** Prompt tokens admitted or waiting that are not computed yet. */
  prefillTokensWaiting: number;
  kvBlocksTotal: number;
  kvBlocksFree: number;
  costs: StageCost[];
  preemptions: number;
  /** Tokens drafted and accepted since the start, by drafter. */
  drafts: Readonly<Record<DrafterName, Readonly<DraftCounts>>>;
}

export function sequenceLoad(
  live: Iterable<Sequence>,
): Pick<SchedulerLoad, 'running' | 'waiting' | 'parked' | 'away' | 'prefillTokensWaiting'> {
  const count = { waiting: 0, running: 0, parked: 0, away: 0, ended: 0 };
  let prefillTokensWaiting = 0;
  for (const one of live) {
    count[one.state]++;
    if (!one.decoding) prefillTokensWaiting += one.pending;
  }
  const { running, waiting, parked, away } = count;
  return { running, waiting, parked, away, prefillTokensWaiting };
}
