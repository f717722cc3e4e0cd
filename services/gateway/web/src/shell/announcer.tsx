import { signal } from '@preact/signals';
import { takeSentences } from '../answer/sentences';

/** Lines that stay in the region; a screen reader says each as it is added. */
const KEPT = 12;
/** Shortest time between two lines of one answer, milliseconds. */
const EVERY_MS = 1500;

const lines = signal<{ id: number; text: string }[]>([]);
let nextId = 0;

/** Says a line when the reader is free. */
export function announce(text: string): void {
  lines.value = [...lines.value, { id: nextId++, text }].slice(-KEPT);
}

/** Reads a growing answer out in sentences. */
export class AnswerReader {
  private waiting = '';
  private timer: number | undefined;

  add(text: string): void {
    this.waiting += text;
    this.timer ??= window.setTimeout(() => this.say(), EVERY_MS);
  }

  end(): void {
    clearTimeout(this.timer);
    if (this.waiting.trim() !== '') announce(this.waiting.trim());
    this.waiting = '';
  }

  private say(): void {
    this.timer = undefined;
    const [ready, rest] = takeSentences(this.waiting);
    this.waiting = rest;
    if (ready.trim() !== '') announce(ready.trim());
  }
}

export function Announcer() {
  return (
    <div class="hidden" role="log" aria-live="polite" aria-label="What happens">
      {lines.value.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
