export { checkCancelled, HttpError, type HttpFailure } from './http-error';
export { type HttpRequest, httpJson, httpRequest, readBody, readSmallBody } from './http-request';
export { RegistryAuthorization, registryOrigin } from './registry-authorization';
export { type RegistryLogin, registryLogins } from './registry-logins';
export { DEFAULT_RETRY, RetryableError, type RetryPolicy, retryAfterMs, withRetries } from './retry';
