import { isAlias } from '@zen/deltas';
import { GatewayError } from '../gateway-error';

const PLACE = '{user}';
/** No slash: a user must not reach an alias outside the rule's own folder. */
const USER = /^[a-z0-9][a-z0-9._-]*$/;
const MOST = 128;

/** Whether a key's rule is one: an alias with `{user}` in it once. */
export function isUserRule(rule: string): boolean {
  return rule.split(PLACE).length === 2 && rule.length <= MOST && isAlias(rule.replace(PLACE, 'a'));
}

/**
 * The alias that a key's rule makes of a user, such as `users/alice` of `users/{user}`. A user who does not fit an
 * alias is refused by name: folding case or dropping characters would give one user the delta of another.
 */
export function aliasOfUser(rule: string, user: string): string {
  const alias = rule.replace(PLACE, () => user);
  if (USER.test(user) && alias.length <= MOST) return alias;
  const most = MOST - (rule.length - PLACE.length);
  const message = `user: this key chooses a delta by it, so it has 1 to ${most} of a-z, 0-9, dot, dash and underscore and begins with a letter or digit`;
  throw new GatewayError('invalid_request', message, { param: 'user' });
}
