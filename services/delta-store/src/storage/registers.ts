import { randomUUID } from 'node:crypto';
import type { ObjectStore } from './object-store';

export interface Version {
  /** Rises by one with every change, from 1. */
  generation: number;
  value: Buffer;
}

/** Above any generation; what is subtracted from it sorts the newest first. */
const LAST = 999_999_999_999;
const MARK_BYTES = 36;

/**
 * Values that change by compare-and-swap, over objects that never change: generation N of a register is an object of
 * its own, and of several that make it exactly one is first. Needs nothing of a storage but `create`, so it holds
 * between processes and nodes.
 */
export class Registers {
  /** `keep`: generations that stay readable, at least 2; null for all of them, as a history needs. */
  constructor(
    private readonly objects: ObjectStore,
    private readonly keep: number | null = null,
  ) {}

  /** The newest generation; null where there never was one. */
  async read(register: string): Promise<Version | null> {
    for (;;) {
      const [name] = await this.objects.list(`${register}/`, { limit: 1 });
      if (name === undefined) return null;
      const version = await this.version(name);
      // Forgotten between the two: there is a newer one.
      if (version) return version;
    }
  }

  /** Makes generation `expected` + 1, where there is none yet; false where somebody else did. */
  async swap(register: string, expected: number, value: Uint8Array): Promise<boolean> {
    const generation = expected + 1;
    const own = nameOf(register, generation);
    // The mark makes two equal values different bytes, so that a repeated request can tell its own work.
    const marked = Buffer.concat([Buffer.from(randomUUID()), value]);
    if (!(await this.objects.create(own, marked))) return false;
    if (this.keep === null) return true;
    if (await this.wasForgotten(register, expected, generation)) {
      await this.objects.remove(own);
      return false;
    }
    if (generation % this.keep === 0) await this.forget(register, generation - this.keep);
    return true;
  }

  /** Generations below `below`, the newest first. */
  async history(register: string, below: number, limit: number): Promise<Version[]> {
    const after = below > LAST ? '' : nameOf(register, below);
    const names = await this.objects.list(`${register}/`, { after, limit });
    const versions = await Promise.all(names.map((name) => this.version(name)));
    return versions.filter((version) => version !== null);
  }

  /** Everything of a register, for good. */
  async remove(register: string): Promise<void> {
    await this.forget(register, LAST);
  }

  /**
   * Whoever slept so long that its generation was made, passed and forgotten meanwhile finds the name free again. Its
   * predecessor is gone then, too.
   */
  private async wasForgotten(register: string, expected: number, generation: number): Promise<boolean> {
    if (expected > 0) return (await this.objects.read(nameOf(register, expected))) === null;
    const [newest] = await this.objects.list(`${register}/`, { limit: 1 });
    return newest !== nameOf(register, generation);
  }

  private async forget(register: string, upTo: number): Promise<void> {
    const limit = 100;
    const after = upTo >= LAST ? '' : nameOf(register, upTo + 1);
    for (;;) {
      const names = await this.objects.list(`${register}/`, { after, limit });
      // The oldest first, so that a generation is never there without its successor.
      for (const name of names.reverse()) await this.objects.remove(name);
      if (names.length < limit) return;
    }
  }

  private async version(name: string): Promise<Version | null> {
    const marked = await this.objects.read(name);
    if (!marked) return null;
    return { generation: LAST - Number(name.slice(-12)), value: marked.subarray(MARK_BYTES) };
  }
}

function nameOf(register: string, generation: number): string {
  return `${register}/${String(LAST - generation).padStart(12, '0')}`;
}
