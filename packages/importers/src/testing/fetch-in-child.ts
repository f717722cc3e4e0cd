import { openSource } from '../open-source';

// Run by tests that kill it: fetches a source and prints its progress as lines of JSON.
const [uri = '', home = ''] = process.argv.slice(2);
openSource(uri, {
  home,
  progress: (progress) => process.stdout.write(`${JSON.stringify(progress)}\n`),
}).then(
  async (model) => {
    process.stdout.write(`${JSON.stringify({ done: model.sha256 })}\n`);
    await model.close();
  },
  (error) => {
    process.stdout.write(`${JSON.stringify({ failed: String(error) })}\n`);
    process.exitCode = 1;
  },
);
