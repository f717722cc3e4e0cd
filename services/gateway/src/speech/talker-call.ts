import type { SpeakRequest, SpeakResponse, SpeakStart, TalkerServiceDefinition } from '@zen/contracts';
import type { OpenStream, RpcClient, RpcError } from '@zen/rpc';
import type { SpeechInput } from './unsaid-text';

/** What the gateway uses of a talker to speak. */
export type SpeakingTalker = Pick<RpcClient<typeof TalkerServiceDefinition>, 'speak'>;

/** Messages that wait for a slow reader before the talker does. */
const MOST_WAITING = 32;

/**
 * One Speak call, open before it is known what is to be said. What its reader does not take stays with the talker, but
 * for a few frames.
 */
export class TalkerCall {
  private readonly stream: OpenStream<SpeakRequest>;
  private readonly waiting: SpeakResponse[] = [];
  private paused = false;
  private over = false;
  private fault: RpcError | null = null;
  private wake = () => {};

  constructor(talker: SpeakingTalker, signal: AbortSignal) {
    this.stream = talker.speak(
      {
        message: (message) => {
          this.waiting.push(message);
          if (!this.paused && this.waiting.length >= MOST_WAITING) {
            this.paused = true;
            this.stream.pause();
          }
          this.wake();
        },
        ended: (error) => {
          this.over = true;
          this.fault = error;
          this.wake();
        },
      },
      { signal },
    );
  }

  /** Before anything else. */
  start(start: SpeakStart): void {
    this.send({ $case: 'start', value: start });
  }

  input(input: SpeechInput): void {
    if (typeof input === 'string') this.send({ $case: 'text', value: input });
    else this.send({ $case: 'tokens', value: { ids: [...input] } });
  }

  flush(): void {
    this.send({ $case: 'flush', value: {} });
  }

  end(): void {
    this.stream.end();
  }

  cancel(): void {
    this.stream.cancel();
  }

  /** The next message; undefined after the last. Throws the RpcError that ended the call, after what came before it. */
  async next(): Promise<SpeakResponse | undefined> {
    for (;;) {
      const message = this.waiting.shift();
      if (message) {
        if (this.paused && this.waiting.length < MOST_WAITING / 2) {
          this.paused = false;
          this.stream.resume();
        }
        return message;
      }
      if (this.fault) throw this.fault;
      if (this.over) return undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private send(message: NonNullable<SpeakRequest['message']>): void {
    this.stream.send({ message });
  }
}
