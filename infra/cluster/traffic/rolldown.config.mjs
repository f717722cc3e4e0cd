import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// One file that a ConfigMap can hold (1 MiB). The server's half of @zen/rpc loads the two externals when it starts,
// which never happens here.
export default {
  input: here('src/main.ts'),
  platform: 'node',
  external: ['grpc-health-check', '@grpc/reflection'],
  output: { file: here('dist/traffic.cjs'), format: 'cjs', minify: true, codeSplitting: false },
};
