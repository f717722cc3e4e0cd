import { type Limits, Scheduler, type StepBackend, type StepOutput, type StepPlan } from '@zen/batching';

export interface StepObserver {
  step(plan: StepPlan, outputs: readonly StepOutput[], elapsedUs: number): void;
  /** A step that failed as a whole; its sequences have ended. */
  stepFailed(error: unknown): void;
}

/** Microseconds since the process started; never goes back. */
export const nowUs = (): number => performance.now() * 1000;

/** Longest time that a timer of the platform can wait, milliseconds. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** Runs the scheduler's steps one after another, and sleeps while there is nothing to do. */
export class StepLoop {
  readonly scheduler: Scheduler;
  private wake: () => void = () => undefined;
  private work = true;
  private stopped = false;
  private readonly idleWork: (() => AsyncGenerator<void, void, undefined>)[] = [];
  /** The first of `idleWork`, once begun. */
  private begun: AsyncGenerator<void, void, undefined> | null = null;
  private running: Promise<void> | null = null;

  constructor(
    private readonly backend: StepBackend,
    limits: Limits,
    private readonly observer: StepObserver,
  ) {
    this.scheduler = new Scheduler(backend, limits, () => this.notify());
  }

  start(): void {
    this.running ??= this.run();
  }

  /**
   * Runs `work` piece by piece while there is no request; it may call the backend. A request ends it, so that it
   * holds no memory, and it begins again later.
   */
  whenIdle(work: () => AsyncGenerator<void, void, undefined>): void {
    this.idleWork.push(work);
    this.notify();
  }

  /** Ends every request and then the loop; afterwards nobody uses the backend. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.scheduler.close();
    this.notify();
    await this.running;
  }

  private notify(): void {
    this.work = true;
    this.wake();
  }

  private async run(): Promise<void> {
    for (;;) {
      this.work = false;
      if (this.begun && this.scheduler.busy) await this.interrupt();
      const plan = this.scheduler.plan(nowUs());
      if (plan) {
        const started = nowUs();
        const outcome = await this.backend.step(plan.items).catch((error: unknown) => ({ error }));
        const ended = nowUs();
        // From here to the next step nothing is awaited: answers are sent while the engine computes on.
        if ('error' in outcome) {
          this.scheduler.fail(plan, outcome.error);
          this.observer.stepFailed(outcome.error);
        } else {
          this.scheduler.complete(plan, outcome, ended - started, ended);
          this.observer.step(plan, outcome, ended - started);
        }
      } else if (this.stopped) break;
      else if (!(await this.idleStep())) await this.sleep();
    }
    await this.interrupt();
  }

  private async idleStep(): Promise<boolean> {
    const [work] = this.idleWork;
    if (!work) return false;
    this.begun ??= work();
    let done: boolean | undefined = true;
    try {
      done = (await this.begun.next()).done;
    } catch (error) {
      this.observer.stepFailed(error);
    }
    if (done) {
      this.begun = null;
      this.idleWork.shift();
    }
    return true;
  }

  private async interrupt(): Promise<void> {
    const { begun } = this;
    this.begun = null;
    await begun?.return();
  }

  private async sleep(): Promise<void> {
    if (this.work) return;
    const waitMs = (this.scheduler.nextDeadlineUs() - nowUs()) / 1000;
    await new Promise<void>((resolve) => {
      const timer =
        Number.isFinite(waitMs) && setTimeout(resolve, Math.min(Math.max(waitMs, 0) + 1, LONGEST_WAIT_MS));
      this.wake = () => {
        if (timer) clearTimeout(timer);
        resolve();
      };
    });
    this.wake = () => undefined;
  }
}
