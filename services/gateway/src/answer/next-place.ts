import type { Band } from '@zen/admission';
import { StageState } from '@zen/contracts';
import type { RungPolicy } from '@zen/quality';
import { allows, type Routing } from '@zen/routing';
import { chainOf, homeOfDelta, loadMs } from '../deltas/affinity';
import { fittingGroup } from '../deltas/fitting-group';
import type { Fleet, Group } from '../fleet/fleet';
import type { ReplicaLink } from '../fleet/replica-link';
import { GatewayError } from '../gateway-error';
import type { AnswerRequest } from './answer';
import { consider } from './candidate';
import type { Place } from './thinker-stream';
import { type Objectives, wishOf } from './wish';

/** What an answer that goes on needs of a replica. */
export interface Need {
  model: string;
  stage: number;
  /** No other stage will do: its caller named it, or what it has so far is computed again. */
  pinned: boolean;
  /** Replicas to leave out. */
  shunned: ReadonlySet<string>;
  /** Another stage will do now, although some replica may soon have this one. */
  impatient: boolean;
}

/** The best place of the moment, or why there is none. `seen`: a replica of the model is there, but not its stage. */
export type NextPlace =
  | { t: 'place'; group: Group; place: Place }
  | { t: 'none'; seen: boolean; error: GatewayError };

interface Sources {
  fleet: Pick<Fleet, 'group'>;
  policy: Pick<RungPolicy, 'demand'>;
  objectives: Objectives;
  waitMs: Record<Band, number>;
  pick: Routing;
  random: () => number;
}

/**
 * Where an answer goes on: at its own stage if any replica has it, else at the highest that its floor allows. The
 * stage is not chosen anew by the load: what its reader has seen of it was given at this one.
 */
export function nextPlace(request: AnswerRequest, need: Need, sources: Sources, nowMs: number): NextPlace {
  const { fleet, policy, pick, random } = sources;
  let group: Group;
  try {
    group = fittingGroup(fleet, request);
  } catch (error) {
    return { t: 'none', seen: false, error: GatewayError.from(error) };
  }
  const wish = wishOf(request, group, sources);
  const floor = wish.full || wish.structured ? need.stage : wish.minStage;
  const able = group.links.flatMap((link) => {
    const view = link.view();
    const fits = view?.model === need.model && !need.shunned.has(view.id) && allows(link.circuit, nowMs);
    return fits ? [{ link, view }] : [];
  });
  if (able.length === 0) {
    const message = 'no replica can go on with the answer now';
    return { t: 'none', seen: false, error: new GatewayError('unavailable', message, { retryAfterS: 1 }) };
  }
  const stagesOf = ({ view }: (typeof able)[number]) =>
    view.stages.filter((one) => one.attached && (need.pinned || one.servable)).map(({ stage }) => stage);
  const stages = new Set(able.flatMap(stagesOf));
  const others = [...stages].filter((stage) => stage >= floor);
  const wait = need.pinned || (!need.impatient && able.some(({ link }) => mayHave(link, need.stage)));
  const stage = stages.has(need.stage) ? need.stage : wait ? undefined : Math.max(...others);
  if (stage === undefined || stage < 0) {
    const message = `stage ${need.stage}, which the answer began with, is not attached on any replica now`;
    return {
      t: 'none',
      seen: true,
      error: new GatewayError('stage_not_attached', message, { retryAfterS: 5 }),
    };
  }
  const { meanPromptTokens: promptTokens, meanAnswerTokens } = group.traffic;
  const demand = policy.demand(group.model, { promptTokens, meanAnswerTokens }, nowMs);
  const share = { ...demand, arrivalsPerSecond: demand.arrivalsPerSecond / able.length };
  const chain = chainOf(request, need.model, stage);
  const home = homeOfDelta(
    request,
    able.map(({ view }) => view.id),
  );
  const own = group.traffic.estimate(request.prompt);
  const { pinned } = need;
  const asked = {
    stage,
    pinned,
    objective: wish.objective,
    chain,
    promptTokens: own,
    share,
    home,
    loadMs: loadMs(request.delta),
  };
  const considered = able.map(({ link, view }) => consider(link, view, asked));
  const candidates = considered.map(({ candidate }) => candidate);
  const choice = pick(candidates, { stage, tried: new Set() }, nowMs, random);
  const chosen = choice.t === 'picked' && considered.find(({ candidate }) => candidate.id === choice.id);
  if (choice.t !== 'picked' || !chosen) throw new Error(`no candidate has stage ${stage}`);
  return {
    t: 'place',
    group,
    place: { ...chosen, chain, route: choice.reason, model: need.model, stage, floor },
  };
}

const ON_ITS_WAY = new Set([
  StageState.STAGE_STATE_ABSENT,
  StageState.STAGE_STATE_FETCHING,
  StageState.STAGE_STATE_ATTACHING,
]);

/** Whether a replica that lacks the stage is on its way to it. */
function mayHave(link: ReplicaLink, stage: number): boolean {
  return link.stages.some((one) => one.stage === stage && ON_ITS_WAY.has(one.state));
}
