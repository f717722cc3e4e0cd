import { DeltaError } from '../delta-error';
import { clip, Fields } from '../fields';

/** Of a key, in characters. */
const MAX_NAME = 200;

/**
 * Values by module of an adapter's configuration (`rank_pattern`, `alpha_pattern`): the first key counts that is the
 * end of a module's path, from a dot on; after `^`, the whole path. PEFT takes keys as regular expressions; one that
 * is more than such a name is refused.
 */
export class NamePattern<T> {
  private readonly found = new Map<string, { at: number; value: T }>();

  /** `read` takes one value of the object; nothing where the field is not set. */
  constructor(
    config: Readonly<Record<string, unknown>>,
    field: string,
    read: (values: Fields, key: string) => T,
  ) {
    const json = config[field];
    if (json === undefined || json === null) return;
    const values = Fields.of(json, `adapter_config.${field}`);
    for (const [at, key] of values.keys().entries()) {
      if (key.length > MAX_NAME || !/^\^?\w+(?:\.\w+)*$/.test(key)) {
        throw new DeltaError(
          'unsupported',
          `adapter_config.${field} has the key ${clip(key)}, which is not the name of a module`,
        );
      }
      this.found.set(key, { at, value: read(values, key) });
    }
  }

  /** Of `model.layers.0.self_attn.q_proj`; null where no key names it. */
  of(path: string): T | null {
    const words = path.split('.');
    const names = [`^${path}`, ...words.map((_, at) => words.slice(at).join('.'))];
    const first = names
      .flatMap((name) => this.found.get(name) ?? [])
      .reduce<{ at: number; value: T } | null>((best, one) => (best && best.at < one.at ? best : one), null);
    return first === null ? null : first.value;
  }
}
