#!/usr/bin/env node
// The table of values in charts/zen/README.md, made of values.yaml and its comments. As a program it writes it there;
// a test keeps both equal.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMap, parseDocument } from 'yaml';

const BEGIN = '<!-- values: made by `node charts/values-table.mjs` -->';
const END = '<!-- end of values -->';

// What a blank line parts from a value is not said of it.
const words = (comment) =>
  comment
    .split(/\n\s*\n/)
    .at(-1)
    .trim()
    .replace(/\n\s*/g, ' ')
    .replaceAll('|', '\\|');

function* rows(map, path) {
  for (const [at, { key, value }] of map.items.entries()) {
    const name = [...path, key.value].join('.');
    // The comment above a map's first key belongs to the map.
    const comment = key.commentBefore ?? (at === 0 ? map.commentBefore : undefined);
    if (isMap(value) && value.items.length > 0 && !value.items.every((item) => /[/_]/.test(item.key.value))) {
      yield* rows(value, [...path, key.value]);
    } else if (comment) {
      yield `| \`${name}\` | \`${JSON.stringify(value.toJSON())}\` | ${words(comment)} |`;
    } else {
      throw new Error(`values.yaml: ${name} has no comment`);
    }
  }
}

/** The table as lines of Markdown. */
export function valuesTable(yaml) {
  const { contents } = parseDocument(yaml);
  return ['| value | default | meaning |', '|---|---|---|', ...rows(contents, [])].join('\n');
}

/** A README with its table replaced. */
export function withTable(readme, table) {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from < 0 || to < from) throw new Error('the README has no place for the table');
  return `${readme.slice(0, from)}${BEGIN}\n${table}\n${readme.slice(to)}`;
}

const script = fileURLToPath(import.meta.url);
if (process.argv[1] === script) {
  const chart = join(dirname(script), 'zen');
  const path = join(chart, 'README.md');
  const table = valuesTable(readFileSync(join(chart, 'values.yaml'), 'utf8'));
  const before = readFileSync(path, 'utf8');
  const after = withTable(before, table);
  if (process.argv.includes('--check')) {
    if (before !== after) {
      process.stderr.write(
        'charts/zen/README.md differs from values.yaml: run node charts/values-table.mjs\n',
      );
      process.exit(1);
    }
  } else writeFileSync(path, after);
}
