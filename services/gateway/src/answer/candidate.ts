import { type Demand, type Objective, predict, pressure, type Replica } from '@zen/quality';
import type { Candidate, PrefixChain, PrefixMatch } from '@zen/routing';
import type { ReplicaLink } from '../fleet/replica-link';

/** A request as the choice of its replica sees it. */
export interface Asked {
  stage: number;
  /** The stage was asked for by name, so it need not be servable. */
  pinned: boolean;
  objective: Objective;
  chain: PrefixChain;
  /** Its own prompt, estimated. */
  promptTokens: number;
  /** What comes to each replica. */
  share: Demand;
  /** The replica that the request's delta is most likely at; undefined for the base. */
  home: string | undefined;
  /** What any other takes to load it, milliseconds. */
  loadMs: number;
}

export interface Considered {
  link: ReplicaLink;
  candidate: Candidate;
  /** What the replica is believed to have of the prompt. */
  match: PrefixMatch;
  /** Tokens of the prompt that it would compute. */
  uncachedTokens: number;
  /** Uncorrected; undefined for a stage without a measured cost. */
  ttftMs: number | undefined;
  objective: Objective;
}

/** What a replica would make of a request: only what it has not computed before counts as work. */
export function consider(
  link: ReplicaLink,
  { id, load, stages }: Replica,
  { stage, pinned, objective, chain, promptTokens, share, home, loadMs }: Asked,
): Considered {
  const match = link.prefixes.match(chain);
  const uncachedTokens = Math.ceil(promptTokens * (1 - match.share));
  const mean = predict(load, stage, share);
  const whole = predict(load, stage, { ...share, promptTokens });
  const rest = match.blocks === 0 ? whole : predict(load, stage, { ...share, promptTokens: uncachedTokens });
  return {
    link,
    match,
    uncachedTokens,
    ttftMs: rest?.ttftMs,
    objective,
    candidate: {
      id,
      ready: true,
      circuit: link.circuit,
      stages: stages.filter((one) => one.attached && (pinned || one.servable)).map((one) => one.stage),
      pressure: rest && mean ? pressure({ ttftMs: rest.ttftMs, tpotMs: mean.tpotMs }, objective) : null,
      answerMs: whole && mean ? loadMs + whole.ttftMs + share.meanAnswerTokens * mean.tpotMs : null,
      homeMs: id === home ? loadMs : 0,
      savedMs: whole && rest ? whole.ttftMs - rest.ttftMs : 0,
    },
  };
}
