import type { Command } from 'commander';
import { formatBytes } from '../../output';
import { type RemoteOptions, remoteCommand, remoteOf } from './remote-command';

/** Adds `rm`, `erase` and `quota` to `zen delta`. */
export function removeCommand(delta: Command): void {
  remoteCommand(delta, 'rm', 'delete a delta that no alias stands for; needs a key with deltas=admin')
    .argument('<digest>')
    .action(async (digest: string, options: RemoteOptions) => {
      const { context, api } = remoteOf(options);
      const removed = await api.remove(digest);
      context.output.result(removed, `${removed.id}: deleted`);
    });
}

export function eraseCommand(delta: Command): void {
  remoteCommand(
    delta,
    'erase',
    'destroy all deltas of the key’s tenant for good; needs a key with deltas=admin',
  )
    .requiredOption('--confirm <tenant>', 'the tenant’s own name')
    .action(async (options: RemoteOptions & { confirm: string }) => {
      const { context, api } = remoteOf(options);
      const erased = await api.erase(options.confirm);
      const gone = new Date(erased.gone_everywhere * 1000).toISOString();
      context.output.result(
        erased,
        `${erased.deltas} deltas, ${formatBytes(erased.bytes)} erased; key ${erased.key_fingerprint} destroyed; gone from every replica by ${gone}`,
      );
    });
}

export function quotaCommand(delta: Command): void {
  remoteCommand(delta, 'quota', 'what the key’s tenant uses of what it may').action(
    async (options: RemoteOptions) => {
      const { context, api } = remoteOf(options);
      const quota = await api.quota();
      const { bytes, versions } = quota;
      context.output.result(
        quota,
        `${formatBytes(bytes.used)} of ${formatBytes(bytes.limit)}, ${versions.used} of ${versions.limit} versions, ${quota.publishes_per_minute} publishes a minute`,
      );
    },
  );
}
