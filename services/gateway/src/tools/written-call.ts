/** A call as the model wrote it. */
export interface WrittenCall {
  name: string;
  /** JSON text of an object, as written. */
  arguments: string;
}

/**
 * The call that a JSON object is, or undefined where it is none of these tools. `exact`: nothing else says that it is
 * one, so it has a name, an object of arguments and no other member.
 */
export function callOf(json: string, names: ReadonlySet<string>, exact = false): WrittenCall | undefined {
  const call = parsed(json);
  if (!isObject(call) || typeof call.name !== 'string' || !names.has(call.name)) return undefined;
  if (exact && !(isObject(call.arguments) && Object.keys(call).length === 2)) return undefined;
  const given = call.arguments ?? {};
  // Some models write the arguments as OpenAI's API gives them: as text.
  const text = typeof given === 'string' ? given : (memberText(json, 'arguments') ?? '{}');
  const value = typeof given === 'string' ? parsed(given) : given;
  if (!isObject(value)) return undefined;
  return { name: call.name, arguments: call.arguments === null ? '{}' : text.trim() };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // Not JSON: the caller shows it as the text that it is.
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The text of a member of an object that is valid JSON; the last one counts, as for JSON.parse. Taken as it is
 * because parsing and writing anew would change numbers above 2^53.
 */
function memberText(json: string, key: string): string | undefined {
  let found: string | undefined;
  let depth = 0;
  let name: unknown;
  let from = 0;
  for (const { 0: token, index } of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},:]/gs)) {
    if (depth === 1 && token === ':') from = index + 1;
    else if (depth === 1 && token.startsWith('"') && from === 0) name = JSON.parse(token);
    else if (depth === 1 && (token === ',' || token === '}')) {
      if (name === key) found = json.slice(from, index);
      from = 0;
    }
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
  }
  return found;
}
