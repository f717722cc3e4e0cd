// Lets a child process run TypeScript sources, as the tests do: node -r run-typescript.cjs FILE.ts
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const { transformSync } = require('@swc/core');

const packages = join(__dirname, '../..');
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => {
  const name = /^@zen\/([a-z-]+)$/.exec(request)?.[1];
  return name ? join(packages, name, 'src/index.ts') : resolve(request, ...rest);
};
require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  module._compile(code, filename);
};
