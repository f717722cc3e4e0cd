import { type SessionConfig, updated } from '@zen/realtime';
import { GatewayError } from '../../gateway-error';
import { validate } from '../../openai/parse-body';
import { sessionField } from './session.schema';
import { withoutUndefined } from './without-undefined';

/** A session that begins as a client secret says; `given` is checked already where it comes from one. */
export function withSession(config: SessionConfig, given: object | null): SessionConfig {
  if (given === null) return config;
  const session = readSession(given);
  const model = ('model' in session && session.model) || config.model;
  const type = session.type;
  try {
    return updated({ ...config, type, model }, session, false);
  } catch (error) {
    throw new GatewayError('invalid_request', (error as Error).message, { param: 'session' });
  }
}

/** @throws GatewayError that names the field */
export function readSession(value: unknown): Parameters<typeof updated>[1] {
  return withoutUndefined(validate(sessionField, value)) as Parameters<typeof updated>[1];
}
