import { storeSettings } from './store-settings';

const HOME = '/nowhere';

test('is nothing where the environment says nothing', async () => {
  expect(await storeSettings({ HOME })).toEqual({
    logins: {},
    login: null,
    originKey: null,
    s3: { endpoint: null, region: 'us-east-1', keys: null },
  });
});

test('takes what the usual clients take', async () => {
  const env = {
    HOME,
    ZEN_REGISTRY_USERNAME: 'me',
    ZEN_REGISTRY_PASSWORD: 'p',
    ZEN_ORIGIN_KEY: 'k',
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
    AWS_DEFAULT_REGION: 'eu-1',
    AWS_ENDPOINT_URL_S3: 'http://minio.local:9000/',
  };
  expect(await storeSettings(env)).toEqual({
    logins: {},
    login: { username: 'me', password: 'p' },
    originKey: 'k',
    s3: {
      endpoint: 'http://minio.local:9000',
      region: 'eu-1',
      keys: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'token' },
    },
  });
});

test.each(['minio.local', 'https://user:secret@host', 'https://host/path'])(
  'refuses the endpoint %s without repeating it',
  async (endpoint) => {
    await expect(storeSettings({ HOME, AWS_ENDPOINT_URL_S3: endpoint })).rejects.toThrow(
      /^AWS_ENDPOINT_URL_S3: must be https:\/\/host\[:port\]$/,
    );
  },
);
