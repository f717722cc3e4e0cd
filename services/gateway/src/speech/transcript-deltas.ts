import type { Transcript } from '@zen/contracts';

/** Of transcripts that still change, what no longer does: text to append, which is never taken back. */
export class TranscriptDeltas {
  private said = '';
  private done = '';

  /** What is new; empty where nothing is. */
  next({ text, final, stableLength }: Transcript): string {
    const sure = final ? text.trim() : text.trimStart().slice(0, stableLength);
    const before = this.done === '' || sure === '' ? this.done : `${this.done} `;
    const whole = before + sure;
    // A final text that differs from what was sure cannot be unsaid; its rest is what follows.
    const added = whole.length > this.said.length ? whole.slice(this.said.length) : '';
    this.said += added;
    if (final) this.done = this.said;
    return added;
  }
}
