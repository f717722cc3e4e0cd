import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Gate } from '../door/gate';
import type { Headers, Visit } from '../door/visit';

const VISITS = new WeakMap<object, Visit>();

/** A visit for each request under /v1 and for each artifact, from before its body is read until its connection is through with it. */
export function addVisits(fastify: FastifyInstance, gate: Gate): void {
  fastify.addHook('onRequest', async (request, reply) => {
    // Whoever holds a connection turns elsewhere with the next request.
    if (gate.leaving) reply.header('connection', 'close');
    gate.checkHost(request.headers.host);
    // By its route: the router understands %76 where a look at the address would not.
    if (!/^\/(v1|artifacts)\//.test(request.routeOptions.url ?? request.url)) return;
    const visit = gate.enter(routeOf(request), headersOf(request));
    VISITS.set(request.raw, visit);
    reply.header('x-request-id', visit.requestId);
    reply.raw.once('close', () => gate.leave(visit, reply.raw.statusCode, reply.raw.writableFinished));
  });
}

export function visitOf(request: FastifyRequest): Visit | undefined {
  return VISITS.get(request.raw);
}

/** Of a repeated header, the first. */
export function headersOf(request: FastifyRequest): Headers {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

/** Closed set: it becomes a label. */
function routeOf({ routeOptions }: FastifyRequest): string {
  if (routeOptions.url === '/artifacts/*') return '/artifacts';
  return routeOptions.url?.startsWith('/v1/') ? routeOptions.url : 'other';
}
