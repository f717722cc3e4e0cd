import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { GatewayError } from '../gateway-error';

/** The JSON value of a request's body. */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new GatewayError('invalid_request', 'the body is not valid UTF-8');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    // The parser's own message quotes the body, which may be private.
    throw new GatewayError('invalid_request', `the body is not valid JSON${position(error)}`);
  }
}

function position(error: unknown): string {
  const at = /at position (\d+)/.exec(error instanceof Error ? error.message : '');
  return at ? ` at character ${at[1]}` : '';
}

/** Checks a body; the first wrong field is named. */
export function validate<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message, unsupported } = deepest(result.error.issues);
  const param = nameOf(path);
  const failure = unsupported ? 'unsupported' : 'invalid_request';
  if (param === '') throw new GatewayError(failure, `the body is wrong: ${message}`);
  throw new GatewayError(failure, `${param}: ${message}`, { param });
}

interface Issue {
  path: PropertyKey[];
  message: string;
  unsupported: boolean;
}

/** Of a union the branch that came furthest says best what is wrong. */
function deepest(issues: readonly z.core.$ZodIssue[]): Issue {
  const issue = issues[0];
  if (!issue) return { path: [], message: 'invalid', unsupported: false };
  if (issue.code === 'invalid_union') {
    const branches = issue.errors.filter((errors) => errors.length > 0).map(deepest);
    const best = branches.sort((a, b) => b.path.length - a.path.length)[0];
    if (best && best.path.length > 0) return { ...best, path: [...issue.path, ...best.path] };
    const message = branches.map((branch) => branch.message).join('; or ');
    return { path: issue.path, message: message || issue.message, unsupported: false };
  }
  const unsupported = issue.code === 'custom' && issue.params?.unsupported === true;
  return { path: issue.path, message: issue.message, unsupported };
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`;
    return name === '' ? String(key) : `${name}.${String(key)}`;
  }, '');
}
