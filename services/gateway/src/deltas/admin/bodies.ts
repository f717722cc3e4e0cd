import {
  type Alias,
  type Build,
  BuildState,
  type Delta,
  type EraseResponse,
  type QuotaResponse,
} from '@zen/contracts';

/** What the delta-store says, in the form of OpenAI's API: snake case, seconds, `object` names the type. */
export function deltaBody({ digest, baseDigest, recipe, bytes, publishedUnixMs }: Delta) {
  return {
    id: digest,
    object: 'delta',
    created: seconds(publishedUnixMs),
    base_digest: baseDigest,
    recipe,
    bytes: Number(bytes),
  };
}

export function aliasBody({ name, digest, generation, changedUnixMs }: Alias) {
  return {
    object: 'delta.alias',
    name,
    // Null where this generation deleted it.
    digest: digest === '' ? null : digest,
    generation: Number(generation),
    changed: seconds(changedUnixMs),
  };
}

export function quotaBody(quota: QuotaResponse) {
  return {
    object: 'delta.quota',
    bytes: { used: Number(quota.bytesUsed), limit: Number(quota.bytesLimit) },
    versions: { used: Number(quota.versionsUsed), limit: Number(quota.versionsLimit) },
    publishes_per_minute: quota.publishesPerMinuteLimit,
  };
}

export function erasureBody({ deltas, bytes, keyFingerprint, goneEverywhereUnixMs }: EraseResponse) {
  return {
    object: 'delta.erasure',
    deltas: Number(deltas),
    bytes: Number(bytes),
    key_fingerprint: keyFingerprint,
    gone_everywhere: seconds(goneEverywhereUnixMs),
  };
}

const STATES: Record<BuildState, string> = {
  [BuildState.BUILD_STATE_UNSPECIFIED]: 'unknown',
  [BuildState.BUILD_STATE_WAITING]: 'waiting',
  [BuildState.BUILD_STATE_RUNNING]: 'running',
  [BuildState.BUILD_STATE_SUCCEEDED]: 'succeeded',
  [BuildState.BUILD_STATE_FAILED]: 'failed',
  [BuildState.BUILD_STATE_CANCELLED]: 'cancelled',
  [BuildState.UNRECOGNIZED]: 'unknown',
};

export function buildBody({ id, state, progress, detail, delta, attempts }: Build) {
  return {
    id,
    object: 'delta.build',
    status: STATES[state],
    progress,
    detail,
    attempts,
    delta: delta ? deltaBody(delta) : null,
  };
}

/** One page of a list; `next` is what `after` takes for the one that follows. */
export function listBody<T>(data: T[], nextPageToken: string) {
  return { object: 'list', data, has_more: nextPageToken !== '', next: nextPageToken || null };
}

function seconds(unixMs: bigint): number {
  return Math.floor(Number(unixMs) / 1000);
}
