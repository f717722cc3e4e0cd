import { TestNamespace } from './namespace';
import { imageOf, readTarget } from './target';
import { until } from './until';

const SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
};

// The node refuses an image whose user is not numeric or is root, so that it runs at all says the first half.
describe.each(['gateway', 'thinker', 'talker', 'delta-store'])('the image of %s', (service) => {
  const { reference } = imageOf(readTarget(), `zen/${service}`);
  let space: TestNamespace;
  beforeAll(async () => {
    space = await TestNamespace.create(`image-${service}`);
  });
  afterAll(() => space.remove());

  /** Runs one container to its end: its output and exit status, or why it could not start. */
  async function runOnce(
    name: string,
    container: object,
  ): Promise<{ output: string; status?: number; reason?: string }> {
    await space.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
        containers: [{ name: 'it', image: reference, securityContext: SECURITY, ...container }],
      },
    });
    const state = await until(`${name} has ended`, async () => {
      const status = (await space.get('pod', name)).status.containerStatuses?.[0]?.state;
      if (status?.terminated) return status.terminated;
      return /Error|BackOff|Invalid/.test(status?.waiting?.reason ?? '') ? status.waiting : undefined;
    });
    const { stdout } = await space.tryKubectl(['logs', name]);
    return { output: stdout, status: state.exitCode, reason: `${state.reason}: ${state.message}` };
  }

  const node = (script: string) => ({ command: ['/nodejs/bin/node', '-e', script] });

  it('answers --help as a numeric user on a read-only root without capabilities', () =>
    space.guard('help', async () => {
      const { output, status } = await runOnce('help', { args: ['--help'] });
      expect(output).toMatch(/^usage: main\.js/);
      expect(status).toBe(0);
    }));

  it('holds no shell, no package manager and no test', () =>
    space.guard('no shell', async () => {
      const script = `
        const { readdirSync } = require('node:fs');
        const found = readdirSync('/')
          .filter((name) => !['proc', 'sys', 'dev'].includes(name))
          .flatMap((name) => readdirSync('/' + name, { recursive: true, withFileTypes: true }))
          .filter((e) => /^(sh|bash|dash|ash|busybox|apt|apt-get|dpkg|npm|pnpm)$/.test(e.name) && !e.isDirectory() || /\\.spec\\.js$/.test(e.name));
        console.log(JSON.stringify(found.map((e) => e.parentPath + '/' + e.name)), process.getuid());`;
      const { output } = await runOnce('content', node(script));
      expect(output).toBe('[] 65532\n');
      const { status, reason } = await runOnce('shell', { command: ['sh', '-c', 'true'] });
      expect(status).not.toBe(0);
      expect(reason).toContain('executable file not found');
    }));

  it('lists what it holds', () =>
    space.guard('sbom', async () => {
      const script = `
        const { components, metadata } = JSON.parse(require('node:fs').readFileSync('/app/sbom.cdx.json'));
        const names = new Set(components.map((c) => c.name));
        console.log(metadata.component.name, ['@zen/rpc', '@grpc/grpc-js', 'libc6'].every((n) => names.has(n)));`;
      const { output } = await runOnce('sbom', node(script));
      expect(output).toBe(`@zen/${service} true\n`);
    }));

  if (service === 'gateway') {
    it('holds the program lame with its licences, listed', () =>
      space.guard('lame', async () => {
        const script = `
          const { existsSync, readFileSync } = require('node:fs');
          const { components } = JSON.parse(readFileSync('/app/sbom.cdx.json'));
          const added = ['lame', 'libmp3lame0', 'libsndfile1', 'libmpg123-0'];
          const listed = added.filter((name) => components.some((c) => c.name === name && /^pkg:deb.*@[0-9]/.test(c.purl)));
          const texts = ['LGPL-2', 'LGPL-2.1'].map((name) => '/usr/share/common-licenses/' + name);
          for (const name of added) texts.push('/usr/share/doc/' + name + '/copyright');
          const { stdout } = require('node:child_process').spawnSync('lame', ['--version'], { encoding: 'utf8' });
          console.log(listed.join(), texts.filter((text) => !existsSync(text)).join(), stdout.split(' ')[0]);`;
        const { output } = await runOnce('lame', node(script));
        expect(output).toBe('lame,libmp3lame0,libsndfile1,libmpg123-0  LAME\n');
      }));
  }

  if (service === 'talker') {
    it('holds ONNX Runtime for this machine, and for no other', () =>
      space.guard('runtime', async () => {
        const script = `
          const { readdirSync } = require('node:fs');
          const runtime = readdirSync('/app/node_modules/.pnpm').find((name) => name.startsWith('onnxruntime-node@'));
          const folder = '/app/node_modules/.pnpm/' + runtime + '/node_modules/onnxruntime-node';
          require(folder);
          const files = readdirSync(folder + '/bin', { recursive: true }).filter((name) => /[.](node|dll|dylib)$/.test(name));
          console.log(files.length, files[0].endsWith(process.platform + '/' + process.arch + '/onnxruntime_binding.node'));`;
        const { output } = await runOnce('runtime', node(script));
        expect(output).toBe('1 true\n');
      }));
  }

  if (service === 'thinker') {
    it('loads the engine and chooses kernels for this machine', () =>
      space.guard('engine', async () => {
        const { output } = await runOnce(
          'engine',
          node(`console.log(require('/app/node_modules/@zen/engine').loadEngine().kernels())`),
        );
        expect(output).toMatch(/^(avx512|avx2|neon|scalar)\n$/);
      }));
  }
});
