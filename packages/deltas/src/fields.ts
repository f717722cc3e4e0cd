import { DeltaError, type DeltaFailure } from './delta-error';

/** Reads one untrusted JSON object; every refusal names the field's path and the limit. */
export class Fields {
  private constructor(
    private readonly object: Record<string, unknown>,
    private readonly path: string,
  ) {}

  static of(value: unknown, path: string): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new DeltaError('invalid', `${path || 'the manifest'} must be an object`);
    }
    return new Fields(value as Record<string, unknown>, path);
  }

  child(name: string): Fields {
    return Fields.of(this.value(name), this.at(name));
  }
  keys(): string[] {
    return Object.keys(this.object);
  }
  /** Refuses fields that this version does not know: they would change the id and mean nothing. */
  only(names: readonly string[]): void {
    for (const key of this.keys()) {
      if (!names.includes(key)) throw new DeltaError('invalid', `${this.at(clip(key))} is not a known field`);
    }
  }
  whole(name: string, low: number, high: number): number {
    const value = this.value(name);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
      throw this.refuse(name, `must be a whole number from ${low} to ${high}`);
    }
    return value;
  }
  finite(name: string): number {
    const value = this.value(name);
    if (typeof value !== 'number') throw this.refuse(name, 'must be a number');
    if (!Number.isFinite(value)) throw this.refuse(name, 'must be finite', 'non-finite');
    return value;
  }
  exactly<T extends string | number>(name: string, wanted: T): T {
    if (this.value(name) !== wanted) throw this.refuse(name, `must be ${JSON.stringify(wanted)}`);
    return wanted;
  }
  choice<T extends string>(name: string, options: readonly T[]): T {
    const value = this.value(name);
    if (!options.includes(value as T)) throw this.refuse(name, `must be one of ${options.join(', ')}`);
    return value as T;
  }
  matching(name: string, pattern: RegExp, meaning: string): string {
    const value = this.value(name);
    if (typeof value !== 'string' || !pattern.test(value)) throw this.refuse(name, `must be ${meaning}`);
    return value;
  }
  list(name: string, most: number): unknown[] {
    const value = this.value(name);
    if (!Array.isArray(value) || value.length > most) {
      throw this.refuse(name, `must be a list of at most ${most} items`);
    }
    return value;
  }
  refuse(name: string, limit: string, failure: DeltaFailure = 'invalid'): DeltaError {
    return new DeltaError(failure, `${this.at(name)} ${limit}`);
  }
  private value(name: string): unknown {
    return Object.hasOwn(this.object, name) ? this.object[name] : undefined;
  }
  private at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** Untrusted text in a message. */
export const clip = (text: string): string => JSON.stringify(text.slice(0, 40)).slice(1, -1);
