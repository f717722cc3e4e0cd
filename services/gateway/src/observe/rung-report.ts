import type { LevelReport, RungOutlook, RungPolicy } from '@zen/quality';
import { type Fleet, type Group, rungGroup } from '../fleet/fleet';
import type { ReplicaLink } from '../fleet/replica-link';

/** One rung of one group, over all its classes. */
export interface StandingRung {
  group: string;
  model: string;
  stage: number;
  /** Classes of requests whose level it is. */
  classes: number;
  /** For one more request of the mean size; null while no replica has measured the stage. */
  prediction: RungOutlook['prediction'];
  correction: { ttft: number; tpot: number };
}

/** What the policy thinks now: for /debug/rungs and for the metrics of each rung. */
export class RungReport {
  constructor(
    private readonly fleet: Fleet,
    private readonly policy: RungPolicy,
    private readonly now: () => number,
  ) {}

  body() {
    const nowMs = this.now();
    return {
      groups: this.groups().map((group) => ({
        group: group.model,
        members: group.members,
        arrivals_per_second: round(this.policy.demand(group.model, sizeOf(group), nowMs).arrivalsPerSecond),
        prompt_tokens: round(group.traffic.meanPromptTokens),
        answer_tokens: round(group.traffic.meanAnswerTokens),
        replicas: rungGroup(group).replicas.map(({ id, model, load }) => ({
          id,
          model,
          sequences: load.running + load.waiting,
          prompt_tokens_waiting: load.prefillTokensWaiting,
          delta_places: placesOf(group.links.find(({ address }) => address === id)),
          costs: load.costs.map((cost) => ({
            stage: cost.stage,
            decode_ms: round(cost.decodeBaseUs / 1000),
            decode_ms_per_sequence: round(cost.decodePerSequenceUs / 1000),
            prefill_ms_per_token: round(cost.prefillUsPerToken / 1000),
          })),
        })),
        classes: this.levels(group, nowMs).map((level) => this.classBody(level, nowMs)),
      })),
      // Their tokens mean something else than those of their family's first member.
      left_out_of_family: this.fleet.misfits(),
    };
  }

  /** Every rung of the groups that were asked lately. */
  standing(): StandingRung[] {
    const nowMs = this.now();
    return this.groups().flatMap((group) => {
      const levels = this.levels(group, nowMs);
      return (levels[0]?.rungs ?? []).map((rung) => ({
        group: group.model,
        model: rung.model,
        stage: rung.stage,
        classes: levels.filter(({ current }) => current?.place === rung.place).length,
        prediction: rung.prediction,
        correction: {
          ttft: this.policy.correction(rung, 'ttft', nowMs),
          tpot: this.policy.correction(rung, 'tpot', nowMs),
        },
      }));
    });
  }

  private groups(): Group[] {
    return [...this.fleet.models(), ...this.fleet.families()];
  }

  private levels(group: Group, nowMs: number): LevelReport[] {
    return this.policy.report(rungGroup(group), sizeOf(group), nowMs);
  }

  private classBody(level: LevelReport, nowMs: number) {
    const { current } = level;
    const ago = (atMs: number) => round((nowMs - atMs) / 1000);
    return {
      priority: level.priority,
      ttft_ms: level.objective.ttftMs,
      tpot_ms: level.objective.tpotMs,
      level: current ? { model: current.model, stage: current.stage } : null,
      seen_s_ago: ago(level.seenAtMs),
      rungs: [...level.rungs].reverse().map((rung) => ({
        model: rung.model,
        stage: rung.stage,
        worth: rung.worth,
        // A stage that saves nothing at the present load is no rung.
        rung: rung.rung,
        replica: rung.replica,
        predicted_ttft_ms: round(rung.prediction?.ttftMs),
        predicted_tpot_ms: round(rung.prediction?.tpotMs),
        queue_ms: round(rung.prediction?.queueMs),
        pressure: round(rung.pressure),
        work_ms: round(rung.workMs),
        ttft_correction: round(this.policy.correction(rung, 'ttft', nowMs)),
        tpot_correction: round(this.policy.correction(rung, 'tpot', nowMs)),
      })),
      changes: [...level.changes].reverse().map(({ atMs, from, to, why, pressureFrom, pressureTo }) => ({
        s_ago: ago(atMs),
        from,
        to,
        why,
        pressure_from: round(pressureFrom),
        pressure_to: round(pressureTo),
      })),
    };
  }
}

function placesOf(link: ReplicaLink | undefined) {
  const deltas = link?.deltas;
  if (!deltas) return null;
  const { slots, slotsTaken, slotsPinned, denseSlots, denseSlotsTaken, denseSlotsPinned } = deltas;
  return {
    small: { all: slots, taken: slotsTaken, in_use: slotsPinned },
    dense: { all: denseSlots, taken: denseSlotsTaken, in_use: denseSlotsPinned },
  };
}

function sizeOf({ traffic }: Group) {
  return { promptTokens: traffic.meanPromptTokens, meanAnswerTokens: traffic.meanAnswerTokens };
}

function round(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value.toPrecision(4));
}
