import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import type { CallContext } from './controller';
import { incomingMessages } from './incoming-messages';
import { fromMetadata, type RpcCode, RpcError, toMetadata } from './rpc-error';
import type { RunningCalls } from './running-calls';

type SingleAnswer = ServerUnaryCall<object, object> | ServerReadableStream<object, object>;
type Answers = ServerWritableStream<object, object> | ServerDuplexStream<object, object>;
type Call = SingleAnswer | Answers;

interface Failures {
  translate(error: unknown): RpcError | undefined;
  onError(error: unknown, method: string): void;
  onEnd?(method: string, code: RpcCode | 'OK'): void;
}

/** A promise-returning handler as grpc-js wants it. */
export function unaryCall(
  handler: (request: object, context: CallContext) => Promise<object>,
  method: string,
  failures: Failures,
  calls: RunningCalls,
) {
  return async (call: SingleAnswer, done: sendUnaryData<object>): Promise<void> => {
    const { context, trailers, abort } = contextOf(call);
    let leave = noCall;
    try {
      leave = calls.enter(abort);
      const response = await handler(requestOf(call, context.signal), context);
      done(null, response, toMetadata(trailers));
      failures.onEnd?.(method, 'OK');
    } catch (error) {
      const known = toRpcError(error, context, method, failures, trailers);
      done(known.toStatus());
      failures.onEnd?.(method, known.code);
    } finally {
      leave();
    }
  };
}

/**
 * A handler that yields messages. It is asked for the next one only when the last has left the process's buffers,
 * so a client that does not read stalls its own stream and nothing else.
 */
export function streamCall(
  handler: (request: object, context: CallContext) => AsyncIterable<object>,
  method: string,
  failures: Failures,
  calls: RunningCalls,
) {
  return async (call: Answers): Promise<void> => {
    const { context, trailers, abort } = contextOf(call);
    let leave = noCall;
    try {
      leave = calls.enter(abort);
      for await (const message of handler(requestOf(call, context.signal), context)) {
        if (context.signal.aborted) break;
        if (!call.write(message)) await drained(call, context.signal);
      }
      if (context.signal.aborted) throw context.signal.reason;
      call.end(toMetadata(trailers));
      failures.onEnd?.(method, 'OK');
    } catch (error) {
      const known = toRpcError(error, context, method, failures, trailers);
      call.emit('error', known.toStatus());
      failures.onEnd?.(method, known.code);
    } finally {
      leave();
    }
  };
}

/** The one message, or all of them as they come. */
function requestOf(call: Call, signal: AbortSignal): object {
  return 'request' in call ? call.request : incomingMessages(call, signal);
}

/** Of a call that was refused: it never entered. */
function noCall(): void {}

function contextOf(call: Call) {
  const controller = new AbortController();
  const abort = (reason: RpcError) => controller.abort(reason);
  (call as NodeJS.EventEmitter).on('cancelled', () =>
    abort(new RpcError('CANCELLED', 'the client cancelled the call')),
  );
  const deadline = call.getDeadline();
  const trailers: Record<string, string> = {};
  const context: CallContext = {
    signal: controller.signal,
    deadline: deadline instanceof Date ? deadline.getTime() : deadline,
    metadata: fromMetadata(call.metadata),
    peer: call.getPeer(),
    sendHeaders: (values) => call.sendMetadata(toMetadata(values)),
    setTrailer: (key, value) => {
      trailers[key] = value;
    },
  };
  return { context, trailers, abort };
}

function toRpcError(
  error: unknown,
  context: CallContext,
  method: string,
  failures: Failures,
  trailers: Record<string, string>,
): RpcError {
  let known = error instanceof RpcError ? error : failures.translate(error);
  // However the handler puts its being ended, the reason is what it was ended for.
  if (context.signal.aborted && (!known || known.code === 'CANCELLED'))
    known = context.signal.reason as RpcError;
  if (!known) {
    failures.onError(error, method);
    known = new RpcError('INTERNAL', 'internal error');
  }
  return new RpcError(known.code, known.message, { ...trailers, ...known.metadata }, known.retryAfterMs);
}

function drained(call: Answers, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
