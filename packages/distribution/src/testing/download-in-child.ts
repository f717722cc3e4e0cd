import { LadderDownload } from '../download/ladder-download';

// Run by tests that kill it: downloads a ladder and prints its progress as lines of JSON.
const [uri = '', home = '', strategy = 'balanced', layers = ''] = process.argv.slice(2);
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function main(): Promise<void> {
  const { signal } = new AbortController();
  const download = await LadderDownload.open(uri, {
    home,
    strategy: strategy as 'balanced' | 'conservative',
    bytesPerSecond: null,
    signal,
    retry: { baseDelayMs: 5 },
    ...(layers !== '' && {
      need: (name: string) => (layers.split(',').some((layer) => name.startsWith(`blk.${layer}.`)) ? 4 : -1),
    }),
    onProgress: ({ stages, bytesKept, waitingForOther }) =>
      say({
        present: stages.reduce((sum, stage) => sum + stage.bytesPresent, 0),
        bytesKept,
        waitingForOther,
      }),
  });
  say({ opened: download.digest });
  await download.run(signal);
  say({ done: download.folder, bytesKept: download.progress().bytesKept });
}

main().catch((error: unknown) => {
  say({ failed: String(error) });
  process.exitCode = 1;
});
