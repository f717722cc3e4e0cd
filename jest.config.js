// Four projects: `unit` needs nothing but the packages; `integration` starts processes, opens sockets or
// reads real weights; `chart` renders the chart; `cluster` needs a Kubernetes. All run the TypeScript sources
// through swc.
const common = {
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: false },
          target: 'es2022',
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  testEnvironment: 'node',
  // A test's globals live in a context of their own, where each look at one costs a hundred times as much: loops over
  // weights were most of what some tests took. Not those that fake timers replace or packages declare again.
  sandboxInjectedGlobals: [
    ...['Math', 'Number', 'BigInt', 'Array', 'DataView', 'Int8Array', 'Uint8Array', 'Uint16Array'],
    ...['Int32Array', 'Uint32Array', 'Float32Array', 'Float64Array'],
  ],
  roots: ['packages', 'services', 'cli', 'bench', 'infra/cluster/suite', 'infra/cluster/traffic'].map(
    (dir) => `<rootDir>/${dir}`,
  ),
  modulePathIgnorePatterns: ['/dist/'],
  // Workspace packages resolve to their sources, so that a test never runs a stale build.
  moduleNameMapper: { '^@zen/([a-z-]+)$': '<rootDir>/packages/$1/src/index.ts' },
};

const retryOnce = { setupFilesAfterEnv: ['<rootDir>/scripts/retry-once.cjs'] };

module.exports = {
  // Other suites run beside these: jest's own 5 s is a time that a busy machine decides.
  testTimeout: 60_000,
  projects: [
    { ...common, displayName: 'unit', testMatch: ['**/*.spec.ts'] },
    // Renders the chart with helm, which scripts/kube-tools.mjs fetches.
    { ...common, displayName: 'chart', roots: ['<rootDir>/charts'], testMatch: ['**/*.spec.ts'] },
    // Against a real Kubernetes; infra/cluster/test.mjs starts it.
    {
      ...common,
      ...retryOnce,
      displayName: 'cluster',
      roots: ['<rootDir>/infra/cluster/suite', '<rootDir>/charts'],
      testMatch: ['**/*.cluster-spec.ts'],
      moduleNameMapper: {
        '^@zen/cluster-suite$': '<rootDir>/infra/cluster/suite/src/index.ts',
        '^@zen/traffic$': '<rootDir>/infra/cluster/traffic/src/index.ts',
        ...common.moduleNameMapper,
      },
    },
    { ...common, ...retryOnce, displayName: 'integration', testMatch: ['**/*.int-spec.ts'] },
  ],
};
