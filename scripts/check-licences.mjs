#!/usr/bin/env node
// No copyleft code may be linked in: every installed runtime dependency must carry a permissive licence, and
// NOTICE must name each one. `--write` rewrites NOTICE.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const PERMISSIVE =
  /^(MIT|MIT-0|ISC|0BSD|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|BlueOak-1\.0\.0|Python-2\.0|Unlicense|CC0-1\.0|Zlib)$/;
const { packageManager } = JSON.parse(readFileSync('package.json', 'utf8'));
const listing = JSON.parse(
  execFileSync('npx', ['--yes', packageManager, 'licenses', 'list', '--prod', '--json'], {
    maxBuffer: 1 << 26,
  }),
);

/** "(MIT OR GPL-2.0)" lets us choose; "A AND B" binds us to both. */
function permissive(expression) {
  const text = expression.replace(/^\(|\)$/g, '');
  if (text.includes(' AND ')) return text.split(' AND ').every(permissive);
  if (text.includes(' OR ')) return text.split(' OR ').some(permissive);
  return PERMISSIVE.test(text);
}

const entries = Object.entries(listing)
  .flatMap(([licence, list]) => list.map(({ name }) => ({ name, licence })))
  .filter(({ name }) => !name.startsWith('@zen/'))
  .sort((a, b) => (a.name < b.name ? -1 : 1));
const refused = entries.filter(({ licence }) => !permissive(licence));
if (refused.length > 0) {
  console.error(
    `licences that may not be linked in:\n${refused.map((e) => `  ${e.name}: ${e.licence}`).join('\n')}`,
  );
  process.exit(1);
}
const notice = `Zen
Copyright Hanzo AI

This product uses the following packages, each under its own licence:

${entries.map((e) => `${e.name} (${e.licence})`).join('\n')}

The texts in packages/ladder/corpus carry the licences that its README.md names.

packages/speech reads English by the rules of misaki (Apache-2.0, hexgrad) and cuts words by those of spaCy (MIT,
ExplosionAI GmbH), as the Python package hibari-tts (Apache-2.0, Copyright 2026 Maureese Williams) has them; the tables
and networks that it reads come with the voices and are not part of this repository.

The gateway's container image also holds Debian's program lame (LGPL-2.0-or-later) with the libraries that it loads
(among them libmp3lame, libsndfile and libmpg123, LGPL). It runs as a process of its own; no code of Zen is linked with
it. The image has their copyrights in /usr/share/doc, the texts of their licences in /usr/share/common-licenses and
their versions in /app/sbom.cdx.json; their sources are those of these versions in Debian, https://snapshot.debian.org.
`;
if (process.argv.includes('--write')) writeFileSync('NOTICE', notice);
else if (readFileSync('NOTICE', 'utf8') !== notice) {
  console.error('NOTICE is out of date: run `node scripts/check-licences.mjs --write`');
  process.exit(1);
}
console.log(`licences: ${entries.length} packages, all permissive`);
