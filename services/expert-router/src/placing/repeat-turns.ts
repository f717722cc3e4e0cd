/** What happens by time alone (a pod stays away, an interval passes) is seen this soon. */
const EVERY_MS = 200;
/** What comes together is seen together. */
const TOGETHER_MS = 20;

/** Repeats `turn` until `signal` is aborted, and soon after something has changed. */
export function repeatTurns(turn: () => void, signal: AbortSignal): { soon(): void } {
  let pending: NodeJS.Timeout | null = null;
  const timer = setInterval(turn, EVERY_MS);
  const soon = () => {
    if (signal.aborted) return;
    pending ??= setTimeout(() => {
      pending = null;
      turn();
    }, TOGETHER_MS);
  };
  const stop = () => {
    clearInterval(timer);
    if (pending) clearTimeout(pending);
  };
  signal.addEventListener('abort', stop, { once: true });
  return { soon };
}
