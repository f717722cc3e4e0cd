import type { RequestOf, ResponseOf, RpcMethod, RpcService } from './definition';

/** What a handler knows of its call beyond the request. */
export interface CallContext {
  /** Aborted when the client goes away, cancels, or its deadline passes. */
  readonly signal: AbortSignal;
  /** The client's deadline, milliseconds since the epoch; Infinity for none. */
  readonly deadline: number;
  /** Request metadata, text values; keys are lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly peer: string;
  /** Sends response headers now; at most once, before the first message. */
  sendHeaders(values: Readonly<Record<string, string>>): void;
  /** Sent after the last message, or with the error. */
  setTrailer(key: string, value: string): void;
}

/** What a handler is given: the message, or the messages as they come. */
export type Incoming<M extends RpcMethod> = M['requestStream'] extends true
  ? AsyncIterable<RequestOf<M>>
  : RequestOf<M>;

export type Handler<M extends RpcMethod> = M['responseStream'] extends true
  ? (request: Incoming<M>, context: CallContext) => AsyncIterable<ResponseOf<M>>
  : (request: Incoming<M>, context: CallContext) => Promise<ResponseOf<M>>;

export interface Route {
  service: RpcService;
  method: RpcMethod;
  property: string;
}

const ROUTES = Symbol('zen.rpc.routes');
type WithRoutes = { [ROUTES]?: Route[] };

/**
 * Marks a controller's method as the handler of an rpc. A misspelt method name or a handler of the wrong type
 * does not compile.
 */
export function Rpc<S extends RpcService, K extends keyof S['methods'] & string>(service: S, method: K) {
  return <P extends string, T extends { [key in P]: Handler<S['methods'][K]> }>(
    target: T,
    property: P,
  ): void => {
    const prototype = target as WithRoutes;
    const inherited = prototype[ROUTES] ?? [];
    const route = { service, method: service.methods[method] as RpcMethod, property };
    Object.defineProperty(prototype, ROUTES, { value: [...inherited, route], configurable: true });
  };
}

/** The routes that `@Rpc` has put on a controller's class. */
export function routesOf(controller: object): Route[] {
  return (controller as WithRoutes)[ROUTES] ?? [];
}
