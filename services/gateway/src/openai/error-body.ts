import { GatewayError, type GatewayFailure } from '../gateway-error';

/** HTTP status and OpenAI's error type of each failure. */
const HTTP: Record<GatewayFailure, [status: number, type: string]> = {
  invalid_request: [400, 'invalid_request_error'],
  unsupported: [400, 'invalid_request_error'],
  context_length_exceeded: [400, 'invalid_request_error'],
  body_too_large: [413, 'invalid_request_error'],
  unsupported_media_type: [415, 'invalid_request_error'],
  invalid_api_key: [401, 'invalid_request_error'],
  forbidden: [403, 'invalid_request_error'],
  not_found: [404, 'invalid_request_error'],
  model_not_found: [404, 'invalid_request_error'],
  stage_not_attached: [503, 'server_error'],
  experts_unavailable: [503, 'server_error'],
  delta_not_found: [404, 'invalid_request_error'],
  delta_wrong_base: [409, 'invalid_request_error'],
  delta_revoked: [410, 'invalid_request_error'],
  delta_corrupt: [500, 'server_error'],
  delta_too_large: [400, 'invalid_request_error'],
  delta_store_unavailable: [503, 'server_error'],
  speech_not_served: [501, 'server_error'],
  conflict: [409, 'invalid_request_error'],
  quota_exceeded: [429, 'rate_limit_error'],
  rate_limit_exceeded: [429, 'rate_limit_error'],
  overloaded: [429, 'rate_limit_error'],
  unavailable: [503, 'server_error'],
  timeout: [504, 'server_error'],
  // Nobody reads it: the caller is gone. The log and the metrics do.
  cancelled: [499, 'server_error'],
  internal: [500, 'server_error'],
};

export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}

export interface HttpError {
  status: number;
  headers: Record<string, string>;
  body: ErrorBody;
}

export function httpError(error: GatewayError): HttpError {
  const [status, type] = HTTP[error.failure];
  const headers = { ...error.headers };
  if (error.retryAfterS !== null) headers['retry-after'] = String(error.retryAfterS);
  if (error.failure === 'invalid_api_key') headers['www-authenticate'] = 'Bearer';
  return { status, headers, body: errorBody(error, type) };
}

export function errorBody(error: GatewayError, type = HTTP[error.failure][1]): ErrorBody {
  return { error: { message: error.message, type, param: error.param, code: error.failure } };
}
