/**
 * Immutable objects under names: the least that a folder and a bucket have in common. A name is 1 to 8 parts of
 * letters, digits and `._~-` between slashes; no name begins with another one and a slash.
 */
export interface ObjectStore {
  /**
   * Takes an object in, whole or not at all, and for good once this returns; false where the name is taken. Of several
   * callers with one name exactly one is told true.
   */
  create(name: string, bytes: Uint8Array): Promise<boolean>;
  /** The whole object, or null. */
  read(name: string): Promise<Buffer | null>;
  /** Nothing happens where it is not there. */
  remove(name: string): Promise<void>;
  /** Names that begin with `prefix` and come after `after`, in the order of their bytes, at most `limit`. */
  list(prefix: string, options: { after?: string; limit: number }): Promise<string[]>;
  /** Throws where the storage cannot be used. */
  check(): Promise<void>;
}

/** All names that begin with `prefix`, page by page. */
export async function* listAll(objects: ObjectStore, prefix: string): AsyncGenerator<string> {
  const limit = 1000;
  for (let after = ''; ; ) {
    const page = await objects.list(prefix, { after, limit });
    yield* page;
    if (page.length < limit) return;
    after = page.at(-1)!;
  }
}

const PART = /^(?!\.{1,2}$)[A-Za-z0-9._~-]{1,200}$/;

/** Guards every implementation against a name that a mistake of ours has let through. */
export function checkName(name: string): string {
  const parts = name.split('/');
  if (parts.length > 8 || !parts.every((part) => PART.test(part))) {
    throw new Error(`not the name of an object: ${JSON.stringify(name)}`);
  }
  return name;
}
