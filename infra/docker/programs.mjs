// Copies installed Debian programs into a folder that is laid over a runtime image: each with the libraries that it
// loads and the image lacks, the licences of them all, and what Debian says of each package where scanners look for it.
//   node programs.mjs STATUS_D INTO [PROGRAM...]     STATUS_D: the packages that the runtime image has
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [statusFolder, into, ...programs] = process.argv.slice(2);
const run = (file, ...argv) => execFileSync(file, argv, { encoding: 'utf8' });

function copy(path, target = path) {
  const to = join(into, target);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(path, to);
}

/** Debian's files are listed where the package has them, and /lib is a link to /usr/lib. */
function packageOf(path) {
  const bare = path.replace(/^\/usr/, '');
  for (const name of [bare, `/usr${bare}`]) {
    try {
      return run('dpkg-query', '--search', name).split(/[:,]/)[0];
    } catch (error) {
      if (error.status !== 1) throw error;
    }
  }
  throw new Error(`${path} is of no package`);
}

function librariesOf(program) {
  const lines = run('ldd', program).split('\n');
  const missing = lines.filter((line) => line.includes('not found'));
  if (missing.length > 0) throw new Error(`${program}: ${missing.join()}`);
  return lines.flatMap((line) => line.match(/=> (\/\S+)/)?.[1] ?? []);
}

/** A package's copyright, and the texts of licences that it only names. */
function copyLicences(name) {
  const path = `/usr/share/doc/${name}/copyright`;
  copy(path);
  for (const [, licence] of readFileSync(path, 'utf8').matchAll(
    /\/usr\/share\/common-licenses\/([\w.-]*\w)/g,
  )) {
    copy(`/usr/share/common-licenses/${licence}`);
  }
}

const present = new Set(
  readdirSync(statusFolder)
    .filter((name) => !name.endsWith('.md5sums'))
    .map((name) => readFileSync(join(statusFolder, name), 'utf8').match(/^Package: (.*)$/m)?.[1]),
);
const added = join(into, 'var', 'lib', 'dpkg', 'status.d');
mkdirSync(added, { recursive: true });
for (const program of programs) {
  const path = `/usr/bin/${program}`;
  for (const file of [path, ...librariesOf(path)]) {
    const name = packageOf(file);
    if (present.has(name)) continue;
    copy(file, file.replace(/^(?!\/usr)/, '/usr'));
    if (existsSync(join(added, name))) continue;
    copyLicences(name);
    writeFileSync(join(added, name), run('dpkg-query', '--status', name).replace(/^Status: .*\n/m, ''));
  }
}
