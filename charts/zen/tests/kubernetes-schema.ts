import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';

const kubernetes = JSON.parse(
  readFileSync(join(__dirname, 'fixtures', 'kubernetes-schema.json'), 'utf8'),
) as { kinds: Record<string, object>; $defs: object };
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: false });

/** What is wrong with an object by Kubernetes' own schema, in which unknown fields are wrong too. */
export function problems(object: { apiVersion: string; kind: string; metadata: { name: string } }): string[] {
  const id = `${object.apiVersion}/${object.kind}`;
  const schema = kubernetes.kinds[id];
  if (!schema) return [`${id} is not a kind of the schema`];
  const validate = ajv.getSchema(id) ?? ajv.compile({ ...schema, $defs: kubernetes.$defs, $id: id });
  validate(object);
  return (validate.errors ?? []).map(
    (error) => `${object.kind} ${object.metadata.name}${error.instancePath} ${error.message}`,
  );
}
