// Takes out of a deployed service what never runs: sources, types, maps, tests, the engine's C++, pnpm's own notes,
// and ONNX Runtime for other systems and processors.
//   node prune.mjs FOLDER
import { readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';

const [app] = process.argv.slice(2);
const DEAD_FILES =
  /(\.map|\.[cm]?ts|\.tsbuildinfo|\.(int-|cluster-)?spec\.js|\.fixture\.js|\.flow)$|^(tsconfig.*\.json|\.modules\.yaml|lock\.yaml|pnpm-lock\.yaml|\.pnpm-workspace-state.*\.json|changelog\.md|readme\.md|makefile)$/i;
/** In packages of this repository only: others may read what looks dead. */
const DEAD_FOLDERS = /^(src|test|tests|bench|fixtures|native|web)$/;
const KEPT = [join('native', 'build', 'zen_engine.node'), join('web', 'dist')];

const own = (folder) => folder === app || /[\\/]node_modules[\\/]@zen[\\/][^\\/]+$/.test(folder);

function prune(folder, root) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) continue;
    if (entry.isDirectory()) {
      if (entry.name === '.bin') rmSync(path, { recursive: true });
      else if (root && DEAD_FOLDERS.test(entry.name)) keepOnly(path, folder);
      else prune(path, own(path));
    } else if (DEAD_FILES.test(entry.name)) {
      rmSync(path);
    }
  }
}

/** Removes `path` but for what KEPT names below `base`. */
function keepOnly(path, base) {
  const name = path.slice(base.length + 1);
  if (KEPT.includes(name)) return;
  if (!KEPT.some((kept) => kept.startsWith(name + sep)) || !statSync(path).isDirectory()) {
    rmSync(path, { recursive: true });
    return;
  }
  for (const entry of readdirSync(path)) keepOnly(join(path, entry), base);
  if (readdirSync(path).length === 0) rmdirSync(path);
}

const store = join(app, 'node_modules', '.pnpm');
for (const name of ['@types+', '@zen+testing']) {
  for (const folder of readdirSync(store)) {
    if (folder.startsWith(name)) rmSync(join(store, folder), { recursive: true });
  }
}

/** `bin/napi-vN/SYSTEM/PROCESSOR`, of which one runs here; all of them have 290 MB. */
const runtime = readdirSync(store).find((folder) => folder.startsWith('onnxruntime-node@'));
if (runtime) {
  const bin = join(store, runtime, 'node_modules', 'onnxruntime-node', 'bin');
  for (const version of readdirSync(bin)) {
    for (const system of readdirSync(join(bin, version))) {
      for (const processor of readdirSync(join(bin, version, system))) {
        if (system === process.platform && processor === process.arch) continue;
        rmSync(join(bin, version, system, processor), { recursive: true });
      }
    }
  }
}
prune(app, true);
