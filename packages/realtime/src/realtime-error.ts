import type { RealtimeError } from './events';

/** Why a client event was refused or something failed. It becomes an `error` event; the session goes on. */
export class RealtimeFailure extends Error {
  override readonly name = 'RealtimeFailure';

  constructor(
    /** OpenAI's name where it has one: `conversation_already_has_active_response`. */
    readonly code: string,
    message: string,
    /** The field at fault, as the client wrote it. */
    readonly param: string | null = null,
    readonly type: 'invalid_request_error' | 'rate_limit_error' | 'server_error' = 'invalid_request_error',
  ) {
    super(message);
  }

  /** `eventId`: of the client event that it answers. */
  body(eventId: string | null): RealtimeError {
    const { type, code, message, param } = this;
    return { type, code, message, param, event_id: eventId };
  }
}
