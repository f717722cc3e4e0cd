import { readDeclaredModel } from './declared-model';
import { parseModelsAddress } from './models-address';

const spec = {
  model: 'a/b',
  replicas: 0,
  minStage: 2,
  idleAfterSeconds: 60,
  wake: { onDemand: false, replicas: 2, holdSeconds: 5 },
};
const metadata = { name: 'a', resourceVersion: '7' };

test('a ZenModel is read', () => {
  expect(readDeclaredModel({ metadata, spec })).toEqual({ name: 'a', resourceVersion: '7', ...spec });
});

test.each([
  ['without a name', { spec }],
  ['without a spec', { metadata }],
  ['without a model', { metadata, spec: { ...spec, model: 3 } }],
  ['with a long one', { metadata, spec: { ...spec, model: 'x'.repeat(129) } }],
  ['on its way out', { metadata: { ...metadata, deletionTimestamp: '2026-11-26T00:00:00Z' }, spec }],
])('%s it declares nothing', (_, object) => expect(readDeclaredModel(object)).toBeUndefined());

test('what is out of bounds is what its schema would fill in', () => {
  const wrong = { model: 'a', replicas: -1, minStage: 9, idleAfterSeconds: 1.5, wake: { holdSeconds: 1e9 } };
  expect(readDeclaredModel({ metadata, spec: wrong })).toMatchObject({
    replicas: 1,
    minStage: 0,
    idleAfterSeconds: 0,
    wake: { onDemand: true, replicas: 1, holdSeconds: 60 },
  });
});

test.each<[string, string | undefined]>([
  ['zenmodels://', ''],
  ['zenmodels://llm-1', 'llm-1'],
  ['zenmodels://LLM', undefined],
  ['zenmodels:///x', undefined],
  ['zenmodels', undefined],
])('%s', (text, namespace) => expect(parseModelsAddress(text)).toBe(namespace));
