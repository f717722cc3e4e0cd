import { type Limits, Scheduler, type StepBackend, type StepPlan } from '@zen/batching';

export interface StepObserver {
  step(plan: StepPlan, elapsedUs: number): void;
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
  private readonly idleWork: AsyncIterator<void>[] = [];
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

  /** Runs `work` piece by piece whenever no request does; it may call the backend. */
  whenIdle(work: AsyncIterator<void>): void {
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
      const plan = this.scheduler.plan(nowUs());
      if (plan) await this.step(plan);
      else if (this.stopped) break;
      else if (!(await this.idleStep())) await this.sleep();
    }
    // Lets unfinished work give back what it holds.
    for (const work of this.idleWork.splice(0)) await work.return?.();
  }

  private async step(plan: StepPlan): Promise<void> {
    const started = nowUs();
    try {
      const outputs = await this.backend.step(plan.items);
      const ended = nowUs();
      this.scheduler.complete(plan, outputs, ended - started, ended);
      this.observer.step(plan, ended - started);
    } catch (error) {
      this.scheduler.fail(plan, error);
      this.observer.stepFailed(error);
    }
  }

  private async idleStep(): Promise<boolean> {
    const [work] = this.idleWork;
    if (!work) return false;
    try {
      if ((await work.next()).done) this.idleWork.shift();
    } catch (error) {
      this.idleWork.shift();
      this.observer.stepFailed(error);
    }
    return true;
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
