export { readServiceKey } from './read-service-key';
export { ServiceTokenError, type ServiceTokenFailure } from './service-token-error';
export { type Grant, ServiceTokens } from './service-tokens';
