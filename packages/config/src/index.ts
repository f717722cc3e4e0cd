export { ConfigError, type ConfigOf, configHelp, readConfig, type Setting, type Settings } from './config';
export { rpcServerSettings, serverTlsFiles } from './rpc-server-settings';
export {
  exitWithFailure,
  isOneOf,
  runService,
  type ServiceMain,
  type StartedService,
  stopOnSignals,
} from './service-main';
export { serviceSettings } from './service-settings';
export { type TlsFiles, tlsFiles, tlsSettings } from './tls-settings';
export {
  address,
  bandwidth,
  bytes,
  duration,
  flag,
  integer,
  list,
  parseBandwidth,
  redisAddress,
} from './types';
