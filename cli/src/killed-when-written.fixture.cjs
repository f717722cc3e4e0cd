// Preloaded with -r: the process ends as with kill -9 right after a file has got this name, so that a test need not look
// for the moment.
const fs = require('node:fs/promises');

const name = process.env.KILLED_WHEN_WRITTEN;
const { rename } = fs;
fs.rename = async (from, to) => {
  await rename(from, to);
  if (String(to).endsWith(`/${name}`)) process.kill(process.pid, 'SIGKILL');
};
