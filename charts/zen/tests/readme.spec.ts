import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CHART, scenarios } from './render';

const readme = readFileSync(join(CHART, 'README.md'), 'utf8');
const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as Node;

interface Node {
  $ref?: string;
  properties?: Record<string, Node>;
  $defs?: Record<string, Node>;
}

test('the table of values is that of values.yaml', () => {
  const script = join(CHART, '..', 'values-table.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('values.yaml has each value that the schema knows', () => {
  const missing: string[] = [];
  const walk = (node: Node, values: unknown, path: string): void => {
    const at = node.$ref ? schema.$defs?.[node.$ref.slice('#/$defs/'.length)] : node;
    for (const [name, inner] of Object.entries(at?.properties ?? {})) {
      const value = (values as Record<string, unknown> | undefined)?.[name];
      // Limits and requests of amounts are as many as one likes.
      if (value === undefined && !/\.(limits|requests)$/.test(path)) missing.push(`${path}.${name}`);
      else if (value !== undefined) walk(inner, value, `${path}.${name}`);
    }
  };
  walk(schema, parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')), '');
  expect(missing).toEqual([]);
});

test('each scenario is told', () => {
  for (const [name] of scenarios) expect(readme).toContain(`| ${name} |`);
});
