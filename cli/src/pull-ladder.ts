import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DistributionError, type DownloadProgress, LadderDownload, storeSettings } from '@zen/distribution';
import { CATALOG } from '@zen/importers';
import { type FetchStrategy, ladderPath } from '@zen/ladder';
import { type Context, cacheBytes } from './context';
import { formatBytes } from './output';

export interface PullLadderOptions {
  strategy: FetchStrategy;
  /** Bytes per second, or null. */
  bandwidth: number | null;
  /** Name under which other commands find it, or null. */
  as: string | null;
}

/** Failures in a row of one request before a person has waited long enough: about four minutes. */
const ATTEMPTS = 10;

/** Opens the ladder at an address, or returns null where something else is there that may be a source. */
export async function openLadderAddress(
  context: Context,
  address: string,
  options: PullLadderOptions,
): Promise<LadderDownload | null> {
  if (CATALOG.some(({ name }) => name === address)) return null;
  if (/\.(gguf|safetensors|bin)(#.*)?$/i.test(address)) return null;
  const output = new StageNotes(context);
  try {
    return await LadderDownload.open(address, {
      home: context.home,
      strategy: options.strategy,
      bytesPerSecond: options.bandwidth,
      cacheBytes: cacheBytes(),
      settings: await storeSettings(process.env),
      retry: { attempts: ATTEMPTS },
      signal: context.signal,
      onProgress: (progress) => output.show(progress),
    });
  } catch (error) {
    const other = ['not-a-ladder', 'not-found', 'invalid', 'bad-uri'];
    if (address.startsWith('s3://')) throw error;
    if (error instanceof DistributionError && other.includes(error.failure)) return null;
    throw error;
  }
}

/** Brings the whole ladder into the cache and says where it is. */
export async function pullLadder(
  context: Context,
  address: string,
  download: LadderDownload,
  options: PullLadderOptions,
): Promise<void> {
  if (download.remembered) {
    context.output.note(`${address} does not answer: this is the ladder that it last stood for`);
  }
  await download.run(context.signal);
  const { stages, bytesReceived, bytesKept } = download.progress();
  const { config, digest, folder } = download;
  if (options.as !== null) await nameLadder(context.home, options.as, folder);
  await download.close();
  const bytes = stages.reduce((sum, stage) => sum + stage.bytes, 0);
  context.output.result(
    { name: config.name, uri: address, digest, folder, bytes, bytesReceived, bytesKept },
    `${config.name}: ${formatBytes(bytes)} in ${stages.length} stages, ${digest}\n${folder}`,
  );
}

/** A bar for all of it, and a line for each stage that is complete. */
class StageNotes {
  private said = -1;

  constructor(private readonly context: Context) {}

  show({ stages, trouble }: DownloadProgress): void {
    const { output } = this.context;
    const complete = stages.findIndex(({ state }) => state !== 'complete');
    const top = (complete < 0 ? stages.length : complete) - 1;
    for (let stage = this.said + 1; stage <= top; stage++) {
      output.note(`stage ${stage} is complete (${formatBytes(stages[stage]!.bytes)})`);
    }
    this.said = Math.max(this.said, top);
    const bytes = stages.reduce((sum, stage) => sum + stage.bytesPresent, 0);
    const total = stages.reduce((sum, stage) => sum + stage.bytes, 0);
    output.progress(trouble === null ? 'fetching' : `waiting (${trouble})`, bytes, total);
  }
}

/** A link under the models' own names, so that `zen inspect NAME` finds it. */
async function nameLadder(home: string, name: string, folder: string): Promise<void> {
  const link = ladderPath(home, name, 'pulled');
  const next = `${link}.${process.pid}.new`;
  try {
    await mkdir(dirname(link), { recursive: true });
    await symlink(folder, next);
    await rename(next, link);
  } catch (error) {
    await rm(next, { force: true });
    throw new DistributionError('file', `${link}: ${(error as Error).message}`, { cause: error });
  }
}
