/** Tells when a call has not moved for too long, on either side. */
export class IdleWatch {
  private readonly timer: NodeJS.Timeout;
  private offering = false;

  constructor(limitMs: number, idle: () => void) {
    this.timer = setTimeout(idle, limitMs);
  }

  /** Something came in or was made: that counts while the client is not the one who is waited for. */
  moved(): void {
    if (!this.offering) this.timer.refresh();
  }

  /** Audio is offered to the client. */
  offer(): void {
    if (!this.offering) this.timer.refresh();
    this.offering = true;
  }

  /** It took it. */
  took(): void {
    this.offering = false;
    this.timer.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
