import type { ZenModel } from '../resource/resources';

/**
 * When each model was last seen to be used. A use is any change of `lastUsedTime` or of the spec; its time is that at
 * which it was seen here, so that a gateway whose clock goes wrong neither wakes nor lulls anybody.
 */
export class Uses {
  private readonly seen = new Map<string, { token: string; atMs: number }>();

  look(models: readonly ZenModel[], nowMs: number): void {
    const uids = new Set<string>();
    for (const { metadata, status } of models) {
      const { uid = '', generation } = metadata;
      uids.add(uid);
      const token = `${generation} ${status?.lastUsedTime ?? ''}`;
      if (this.seen.get(uid)?.token !== token) this.seen.set(uid, { token, atMs: nowMs });
    }
    for (const uid of this.seen.keys()) if (!uids.has(uid)) this.seen.delete(uid);
  }

  /** By uid, milliseconds on the clock that `look` was given. */
  get times(): ReadonlyMap<string, number> {
    return new Map([...this.seen].map(([uid, { atMs }]) => [uid, atMs]));
  }
}
