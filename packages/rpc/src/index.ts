export {
  CertificateError,
  CertificateFiles,
  type CertificateOptions,
  type CertificatePaths,
} from './certificate-files';
export { type CallOptions, type ClientOptions, client, type PartialMessage, type RpcClient } from './client';
export { type CallContext, type Handler, Rpc } from './controller';
export type { ClientTls, ServerTls } from './credentials';
export type { RequestOf, ResponseOf, RpcMethod, RpcService } from './definition';
export { openCertificates, openServerTls } from './open-certificates';
export type { OpenStream, StreamListener } from './open-stream';
export { type RpcCode, RpcError } from './rpc-error';
export { RpcServer, type ServeOptions } from './server';
