#!/usr/bin/env node
// usage: kubernetes-schema.mjs SWAGGER CRD... > zen/tests/fixtures/kubernetes-schema.json
//
// One JSON Schema for the kinds that the chart renders, out of Kubernetes' own OpenAPI document and the projects' own
// CRDs: descriptions left out and every object closed, so that a misspelt field is an error. Read offline by the
// tests. Made from kubernetes v1.34.4 (api/openapi-spec/swagger.json), gateway-api v1.4.0, cert-manager v1.19.1 and
// prometheus-operator v0.85.0 (their Go modules hold the files).
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const KINDS = [
  'v1/ConfigMap',
  'v1/PersistentVolumeClaim',
  'v1/Pod',
  'v1/Secret',
  'v1/Service',
  'v1/ServiceAccount',
  'apps/v1/Deployment',
  'apps/v1/StatefulSet',
  'apiextensions.k8s.io/v1/CustomResourceDefinition',
  'autoscaling/v2/HorizontalPodAutoscaler',
  'networking.k8s.io/v1/Ingress',
  'networking.k8s.io/v1/NetworkPolicy',
  'policy/v1/PodDisruptionBudget',
  'rbac.authorization.k8s.io/v1/Role',
  'rbac.authorization.k8s.io/v1/RoleBinding',
  'scheduling.k8s.io/v1/PriorityClass',
];
const OURS = new Set(['Certificate', 'GRPCRoute', 'HTTPRoute', 'PrometheusRule', 'ServiceMonitor']);
const KEPT = [
  'type',
  'enum',
  'required',
  'pattern',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxLength',
  'minLength',
];

const [swaggerPath, ...crdPaths] = process.argv.slice(2);
const { definitions } = JSON.parse(readFileSync(swaggerPath, 'utf8'));
const defs = {};
const kinds = {};

function define(name) {
  if (name in defs) return;
  defs[name] = {};
  defs[name] = reduce(definitions[name], name);
}

/** A few CRDs have patterns of Go that JavaScript does not read. */
function isPattern(text) {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/** `name` only for definitions: some of them stand for a number or a string. */
function reduce(schema, name = '') {
  if (schema.$ref) {
    const target = schema.$ref.slice('#/definitions/'.length);
    define(target);
    return { $ref: `#/$defs/${target}` };
  }
  if (
    schema['x-kubernetes-int-or-string'] ||
    schema.format === 'int-or-string' ||
    name.endsWith('.Quantity')
  ) {
    return { type: ['integer', 'number', 'string'] };
  }
  const out = Object.fromEntries(KEPT.filter((key) => key in schema).map((key) => [key, schema[key]]));
  if (out.pattern && !isPattern(out.pattern)) delete out.pattern;
  if (schema.items) out.items = reduce(schema.items);
  if (schema.properties) {
    out.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([key, value]) => [key, reduce(value)]),
    );
    if (!schema['x-kubernetes-preserve-unknown-fields']) out.additionalProperties = false;
  } else if (typeof schema.additionalProperties === 'object') {
    out.additionalProperties = reduce(schema.additionalProperties);
  }
  return out;
}

for (const [name, schema] of Object.entries(definitions)) {
  for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
    const id = [group, version, kind].filter(Boolean).join('/');
    if (!KINDS.includes(id)) continue;
    define(name);
    kinds[id] = { $ref: `#/$defs/${name}` };
  }
}
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
define(meta);
for (const path of crdPaths) {
  const { spec } = parse(readFileSync(path, 'utf8'));
  if (!OURS.has(spec.names.kind)) continue;
  const { name: version, schema } = spec.versions.find((one) => one.storage);
  const reduced = reduce(schema.openAPIV3Schema);
  reduced.properties.metadata = { $ref: `#/$defs/${meta}` };
  kinds[`${spec.group}/${version}/${spec.names.kind}`] = reduced;
}
process.stdout.write(`${JSON.stringify({ kinds, $defs: defs })}\n`);
