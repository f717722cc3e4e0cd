import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sourceSettings } from './source-settings';

const folder = mkdtempSync(join(tmpdir(), 'zen-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));
const write = (content: string) => writeFileSync(join(folder, 'config.json'), content);

describe('sourceSettings', () => {
  it('is nothing where the environment says nothing', async () => {
    expect(await sourceSettings({ HOME: join(folder, 'nobody') })).toEqual({ ociCredentials: {} });
  });

  it('takes the hub and its token', async () => {
    const env = {
      HOME: folder,
      DOCKER_CONFIG: join(folder, 'none'),
      HF_ENDPOINT: 'https://hub.local/',
      HF_TOKEN: 'hf_x',
    };
    expect(await sourceSettings(env)).toMatchObject({
      huggingFaceEndpoint: 'https://hub.local',
      huggingFaceToken: 'hf_x',
    });
    await expect(sourceSettings({ ...env, HF_ENDPOINT: 'hub' })).rejects.toThrow(
      'HF_ENDPOINT: hub must begin with',
    );
  });

  it('takes the logins of registries', async () => {
    const auth = Buffer.from('me:a:b').toString('base64');
    write(
      JSON.stringify({
        auths: { 'reg.local:5000': { auth }, 'https://other/v1/': { auth }, kept: {}, none: null },
      }),
    );
    const { ociCredentials } = await sourceSettings({ DOCKER_CONFIG: folder });
    const login = { username: 'me', password: 'a:b' };
    expect(ociCredentials).toEqual({ 'reg.local:5000': login, other: login });
  });

  it('names a file that it cannot read', async () => {
    write('{');
    await expect(sourceSettings({ DOCKER_CONFIG: folder })).rejects.toThrow(/config\.json: not JSON/);
  });
});
