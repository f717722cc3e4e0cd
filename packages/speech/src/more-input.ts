/** What a session's reader waits at until more has come. */
export class MoreInput {
  private wake: () => void = () => undefined;

  /** More is there, or no more comes. */
  came(): void {
    this.wake();
  }

  /** Resolves with the next `came()`, or with the signal. */
  async wait(signal: AbortSignal): Promise<void> {
    let stop: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      stop = resolve;
      this.wake = resolve;
      signal.addEventListener('abort', stop, { once: true });
    });
    signal.removeEventListener('abort', stop);
  }
}
