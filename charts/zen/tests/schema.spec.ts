import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART, describeWith, MODEL, render } from './render';

type Schema = { [key: string]: unknown };
const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as Schema;

/** Every schema inside, with its place. */
function* inside(node: unknown, at = ''): Generator<[string, Schema]> {
  if (typeof node !== 'object' || node === null) return;
  if (!Array.isArray(node)) yield [at, node as Schema];
  for (const [key, value] of Object.entries(node)) yield* inside(value, `${at}/${key}`);
}

test('every object of the schema is closed, every number, text and list bounded', () => {
  const loose: string[] = [];
  for (const [at, node] of inside(schema)) {
    const types = [node.type].flat();
    const has = (key: string) => key in node;
    if (types.includes('object') && has('properties') && node.additionalProperties !== false) loose.push(at);
    if (types.includes('object') && !has('properties') && typeof node.additionalProperties !== 'object')
      loose.push(at);
    if (node.type === 'integer' && !(has('minimum') && has('maximum'))) loose.push(at);
    if (node.type === 'number' && !(has('minimum') && has('maximum'))) loose.push(at);
    if (node.type === 'string' && !(has('maxLength') || has('pattern'))) loose.push(at);
    if (node.type === 'array' && !has('maxItems')) loose.push(at);
  }
  // Helm hands values of all charts of an umbrella down through this one.
  expect(loose).toEqual(['/properties/global']);
});

const line = `sha256:${'0'.repeat(64)} tenant=a`;

describeWith(['helm'], 'refused values', () => {
  test.each<[what: string, values: object, message: string]>([
    ['no model', { models: [] }, "at '/models': minItems: got 0, want 1"],
    ['a model without a source', { models: [{ name: 'a' }] }, "at '/models/0': missing property 'source'"],
    ['an upper-case name', { models: [{ ...MODEL, name: 'A' }] }, "at '/models/0/name': 'A' does not match"],
    [
      'a long name',
      { models: [{ ...MODEL, name: 'a'.repeat(25) }] },
      "at '/models/0/name': maxLength: got 25, want 24",
    ],
    ['a name twice', { models: [MODEL, MODEL] }, 'models: smollm2 is there twice'],
    [
      'two sources',
      { models: [{ ...MODEL, source: { claim: 'c', hostPath: '/x' } }] },
      "at '/models/0/source': 'oneOf' failed",
    ],
    [
      'a file address',
      { models: [{ ...MODEL, source: { address: 'file:///x' } }] },
      "at '/models/0/source/address': 'file:///x' does not match",
    ],
    [
      'a way out of a volume',
      { models: [{ ...MODEL, source: { claim: 'c', path: '../x' } }] },
      "at '/models/0/source/path': '../x' does not match",
    ],
    [
      'a misspelt value of a model',
      { models: [{ ...MODEL, thread: 1 }] },
      "at '/models/0': additional properties 'thread' not allowed",
    ],
    [
      'a misspelt value',
      { gateway: { replica: 2 } },
      "at '/gateway': additional properties 'replica' not allowed",
    ],
    ['an unknown part', { singer: {} }, "additional properties 'singer' not allowed"],
    [
      'a text for a number',
      { gateway: { replicas: 'two' } },
      "at '/gateway/replicas': got string, want integer",
    ],
    [
      'too many pods',
      { gateway: { replicas: 1001 } },
      "at '/gateway/replicas': maximum: got 1,001, want 1,000",
    ],
    ['no thread', { thinker: { threads: 0 } }, "at '/thinker/threads': minimum: got 0, want 1"],
    ['a size without a unit', { thinker: { kvBytes: '512' } }, "at '/thinker/kvBytes': '512' does not match"],
    [
      'a grace of a day',
      { gateway: { graceSeconds: 86400 } },
      "at '/gateway/graceSeconds': maximum: got 86,400, want 3,600",
    ],
    [
      'no surge and nothing unavailable',
      { gateway: { strategy: { maxSurge: 0 } } },
      'one-zen-gateway: strategy.maxSurge and strategy.maxUnavailable are both 0',
    ],
    [
      'more at least than at most',
      { gateway: { autoscaling: { enabled: true, min: 9 } } },
      'one-zen-gateway: autoscaling.max is 6, below autoscaling.min, 9',
    ],
    [
      'a bucket without a name',
      { deltaStore: { storage: { type: 's3' } } },
      "at '/deltaStore/storage/address': minLength: got 0, want 1",
    ],
    [
      'a folder for a bucket',
      { deltaStore: { storage: { type: 's3', address: '/deltas' } } },
      "at '/deltaStore/storage/address': '/deltas' does not match",
    ],
    [
      'an unknown storage',
      { deltaStore: { storage: { type: 'nfs' } } },
      "at '/deltaStore/storage/type': value must be one of 'claim', 's3'",
    ],
    [
      'no place for a delta',
      { thinker: { deltas: { slots: 0 } } },
      "at '/thinker/deltas/slots': minimum: got 0, want 1",
    ],
    ['a plain key', { gateway: { keys: { entries: ['zen_secret'] } } }, "at '/gateway/keys/entries/0'"],
    [
      'a line with a new line',
      { gateway: { keys: { entries: [`${line}\n${line}`] } } },
      "at '/gateway/keys/entries/0'",
    ],
    [
      'a variable of something else',
      { thinker: { env: { LD_PRELOAD: '/x.so' } } },
      "invalid propertyName 'LD_PRELOAD'",
    ],
    [
      'an unknown cache',
      { thinker: { cache: { type: 'nfs' } } },
      "at '/thinker/cache/type': value must be one of 'emptyDir', 'hostPath', 'claim', 'ephemeral'",
    ],
    [
      'a relative path',
      { thinker: { cache: { type: 'hostPath', hostPath: 'zen' } } },
      "at '/thinker/cache/hostPath': 'zen' does not match",
    ],
    [
      'an unknown TLS mode',
      { tls: { mode: 'on' } },
      "at '/tls/mode': value must be one of 'off', 'secret', 'certManager'",
    ],
    [
      'a password in the URL',
      { redis: { mode: 'external', external: { url: 'redis://u:p@h' } } },
      "at '/redis/external/url'",
    ],
    [
      'an Ingress without hosts',
      { gateway: { ingress: { enabled: true } } },
      "at '/gateway/ingress/hosts': minItems: got 0, want 1",
    ],
    [
      'a route without parents',
      { gateway: { route: { enabled: true } } },
      "at '/gateway/route/parents': minItems: got 0, want 1",
    ],
    [
      'an address without a mask',
      { networkPolicy: { clients: [{ ipBlock: { cidr: '10.0.0.1' } }] } },
      "at '/networkPolicy/clients/0/ipBlock/cidr'",
    ],
    [
      'an empty peer',
      { networkPolicy: { clients: [{}] } },
      "at '/networkPolicy/clients/0': minProperties: got 0, want 1",
    ],
    ['no name server', { networkPolicy: { dns: [] } }, "at '/networkPolicy/dns': minItems: got 0, want 1"],
    [
      'a port above',
      { networkPolicy: { apiServerPorts: [70000] } },
      "at '/networkPolicy/apiServerPorts/0': maximum: got 70,000, want 65,535",
    ],
    [
      'a digest that is none',
      { gateway: { image: { digest: 'latest' } } },
      "at '/gateway/image/digest': 'latest' does not match",
    ],
    [
      'a quantity that is none',
      { thinker: { resources: { requests: { memory: 'much' } } } },
      "at '/thinker/resources/requests/memory': 'much' does not match",
    ],
    [
      'a ratio above one',
      { monitoring: { rules: { errorRatio: 2 } } },
      "at '/monitoring/rules/errorRatio': maximum: got 2, want 1",
    ],
  ])('%s', (_, values, message) => {
    expect(() => render(values)).toThrow(message);
  });
});
