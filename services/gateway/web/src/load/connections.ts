/** Choices that one request may ask for; the gateway's own limit. */
export const MAX_CHOICES = 8;
/**
 * A browser opens six connections to one server (HTTP/1.1). Three are left for the progress, a chat and its
 * neighbour in a comparison, so a load of many streams travels as few requests with several answers each.
 */
export const MAX_CONNECTIONS = 3;
export const MAX_STREAMS = MAX_CHOICES * MAX_CONNECTIONS;

/** Answers to ask for on each connection, as even as possible. */
export function connectionsFor(streams: number): number[] {
  const wanted = Math.min(Math.max(0, Math.floor(streams)), MAX_STREAMS);
  const count = Math.ceil(wanted / MAX_CHOICES);
  return [...Array(count).keys()].map((at) => Math.floor(wanted / count) + (at < wanted % count ? 1 : 0));
}
