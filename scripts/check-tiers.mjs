#!/usr/bin/env node
// The dependency rule of docs/architecture.md: a package depends on lower tiers only, domain packages list no
// framework, `testing` is for development only, and tsconfig references follow package.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TIERS = ['leaf', 'domain', 'edge', 'service'];
const FRAMEWORKS = /^(@nestjs\/|@grpc\/|bullmq$|ioredis$|@kubernetes\/|fastify$|pino$|zod$|@opentelemetry\/)/;

const dirs = ['packages', 'services']
  .flatMap((group) => readdirSync(group).map((name) => join(group, name)))
  .concat(['cli', 'bench', 'infra/cluster/suite', 'infra/cluster/traffic'])
  .filter((dir) => existsSync(join(dir, 'package.json')));
const packages = new Map(
  dirs.map((dir) => {
    const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
    return [manifest.name, { dir, manifest, tier: manifest.zen?.tier }];
  }),
);

const problems = [];
for (const [name, { dir, manifest, tier }] of packages) {
  if (tier !== 'dev' && !TIERS.includes(tier)) problems.push(`${name}: zen.tier is "${tier}"`);
  const dependencies = Object.keys(manifest.dependencies ?? {});
  for (const dependency of dependencies) {
    const other = packages.get(dependency);
    if (tier === 'domain' && FRAMEWORKS.test(dependency))
      problems.push(`${name}: a domain package lists ${dependency}`);
    if (!other) continue;
    if (other.tier === 'dev') {
      problems.push(`${name}: ${dependency} belongs in devDependencies`);
    } else if (tier !== 'dev' && TIERS.indexOf(other.tier) >= TIERS.indexOf(tier)) {
      problems.push(`${name} (${tier}) depends on ${dependency} (${other.tier})`);
    }
  }
  const { references = [] } = JSON.parse(readFileSync(join(dir, 'tsconfig.json'), 'utf8'));
  const referenced = new Set(references.map(({ path }) => `@zen/${path.split('/').at(-1)}`));
  for (const dependency of [...dependencies, ...Object.keys(manifest.devDependencies ?? {})]) {
    if (packages.has(dependency) && !referenced.has(dependency))
      problems.push(`${dir}/tsconfig.json does not reference ${dependency}`);
  }
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`tiers: ${packages.size} packages keep the dependency rule`);
