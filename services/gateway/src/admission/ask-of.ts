import type { Ask } from '@zen/admission';
import type { AnswerRequest } from '../answer/answer';
import { fittingGroup } from '../deltas/fitting-group';
import type { Fleet } from '../fleet/fleet';
import { promptBytes } from '../fleet/traffic';
import { allowedPriority } from '../keys/tenant';
import { bandOf } from './band-of';

/** Of a number in a message as it waits in memory. */
const TOKEN_BYTES = 4;

/** What the answers of one request ask for together: they start at once or wait together. At least one. */
export function askOf(fleet: Pick<Fleet, 'group'>, requests: readonly AnswerRequest[]): Ask {
  const first = requests[0] as AnswerRequest;
  const { tenant, priority } = first;
  const { model: group, traffic } = fittingGroup(fleet, first);
  const answerTokens = ({ maxTokens }: AnswerRequest) =>
    Math.min(maxTokens || Number.POSITIVE_INFINITY, traffic.meanAnswerTokens);
  const tokens = requests.reduce((sum, one) => sum + traffic.estimate(one.prompt) + answerTokens(one), 0);
  // Several choices share one prompt.
  const prompts = new Set(requests.map(({ prompt }) => prompt));
  const bytes = [...prompts].reduce((sum, prompt) => {
    return (
      sum + (prompt.$case === 'tokens' ? TOKEN_BYTES * prompt.value.tokenIds.length : promptBytes(prompt))
    );
  }, 0);
  const band = bandOf(allowedPriority(priority, tenant));
  return { group, band, tenant: tenant.name, weight: tenant.weight, tokens, bytes };
}
