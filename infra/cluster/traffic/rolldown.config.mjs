// One file that a ConfigMap can hold (1 MiB). The server's half of @zen/rpc loads the two externals when it starts,
// which never happens here.
export default {
  input: 'src/main.ts',
  platform: 'node',
  external: ['grpc-health-check', '@grpc/reflection'],
  output: { file: 'dist/traffic.cjs', format: 'cjs', minify: true, codeSplitting: false },
};
