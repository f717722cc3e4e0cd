// Lists what an image holds as CycloneDX 1.6: the npm packages of a deployed service with their licences and digests,
// and the Debian packages.
//   node sbom.mjs APP STATUS_D     writes APP/sbom.cdx.json
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [app, statusFolder] = process.argv.slice(2);
const store = join(app, 'node_modules', '.pnpm');
const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** `NAME@VERSION` to the SHA-512 of the tarball, in hexadecimal, out of the lockfile. */
function digests() {
  const lock = readFileSync(join(store, 'lock.yaml'), 'utf8');
  const entries = lock.matchAll(
    /^ {2}'?([^\s':]+@[^\s':]+)'?:\n {4}resolution: \{integrity: sha512-([^,}]+)/gm,
  );
  return new Map([...entries].map(([, id, base64]) => [id, Buffer.from(base64, 'base64').toString('hex')]));
}

const sha512 = digests();
const licences = (licence) =>
  typeof licence !== 'string'
    ? []
    : [/\s/.test(licence) ? { expression: licence } : { license: { name: licence } }];

function npmPackages() {
  const found = new Map();
  for (const entry of readdirSync(store)) {
    const modules = join(store, entry, 'node_modules');
    if (entry === 'node_modules' || !existsSync(modules)) continue;
    const names = readdirSync(modules, { withFileTypes: true }).flatMap((item) =>
      item.name.startsWith('@')
        ? readdirSync(join(modules, item.name), { withFileTypes: true })
            .filter((inner) => inner.isDirectory())
            .map((inner) => join(item.name, inner.name))
        : item.isDirectory() && !item.name.startsWith('.')
          ? [item.name]
          : [],
    );
    for (const name of names) {
      const { version, license } = manifestOf(join(modules, name));
      const id = `${name}@${version}`;
      const hash = sha512.get(id);
      found.set(id, {
        type: 'library',
        name,
        version,
        purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
        licenses: name.startsWith('@zen/')
          ? [{ license: { name: 'LicenseRef-Proprietary' } }]
          : licences(license),
        ...(hash && { hashes: [{ alg: 'SHA-512', content: hash }] }),
      });
    }
  }
  return [...found.values()];
}

function debianPackages() {
  return readdirSync(statusFolder)
    .filter((name) => !name.endsWith('.md5sums'))
    .map((name) => {
      const text = readFileSync(join(statusFolder, name), 'utf8');
      const field = (key) => text.match(new RegExp(`^${key}: (.*)$`, 'm'))?.[1];
      const [packageName, version, arch] = [field('Package'), field('Version'), field('Architecture')];
      return {
        type: 'library',
        name: packageName,
        version,
        purl: `pkg:deb/debian/${packageName}@${encodeURIComponent(version)}?arch=${arch}`,
      };
    });
}

const service = manifestOf(app);
const components = [...npmPackages(), ...debianPackages()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
if (sha512.size === 0 || components.length < 10) throw new Error(`${app}: no packages found`);
const document = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: { component: { type: 'application', name: service.name, version: service.version } },
  components,
};
writeFileSync(join(app, 'sbom.cdx.json'), `${JSON.stringify(document, null, 1)}\n`);
