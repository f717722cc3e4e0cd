import { pushLadder, storeSettings } from '@zen/distribution';
import type { Command } from 'commander';
import { common, contextOf, ladderFolder } from '../context';
import { formatBytes } from '../output';

export function pushCommand(program: Command): void {
  common(program.command('push'))
    .description('copy a ladder to a registry, a bucket or a folder; goes on where it was cut off')
    .argument('<ladder>', 'a folder, or the name of a packed model (NAME or NAME:quick)')
    .argument('<address>', 'oci://host[:port]/repository[:tag], s3://bucket/prefix, file:///folder or a path')
    .addHelpText(
      'after',
      `
Logins come from docker's config.json or $ZEN_REGISTRY_USERNAME and $ZEN_REGISTRY_PASSWORD, keys of a bucket from
$AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY, $AWS_SESSION_TOKEN, $AWS_REGION and $AWS_ENDPOINT_URL_S3.`,
    )
    .action(async (ladder: string, address: string, options: { json?: boolean }) => {
      const context = contextOf(options);
      const pushed = await pushLadder(ladderFolder(context, ladder), address, {
        home: context.home,
        settings: await storeSettings(process.env),
        signal: context.signal,
        onProgress: ({ bytes, totalBytes }) => context.output.progress('pushing', bytes, totalBytes),
      });
      const sent = pushed.totalBytes - pushed.skippedBytes;
      context.output.result(
        { address, ...pushed },
        `${address}: ${pushed.digest}, ${formatBytes(sent)} sent, ${formatBytes(pushed.skippedBytes)} were there`,
      );
    });
}
