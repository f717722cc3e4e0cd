import { isAlias, isDigest } from '@zen/deltas';
import { GatewayError } from '../gateway-error';
import { NAME_RULE, NO_DELTA, shownName } from './delta-name';
import { aliasOfUser } from './user-rule';

/** Which delta a request asks for; the name is empty for the base. */
export interface DeltaWish {
  name: string;
  /** What the caller calls the place where it says so, for errors. */
  field: string;
}

export const NO_DELTA_WISH: DeltaWish = { name: '', field: 'delta' };

/** All places where a request may name a delta. */
export interface DeltaAsks {
  /** A model or family, or `NAME:DELTA`. */
  model: string;
  /** Of HTTP and of gRPC's metadata. */
  header?: string | undefined;
  /** Of a gRPC message; empty for none. */
  message?: string | undefined;
  user?: string | undefined;
}

export interface Asked {
  model: string;
  delta: DeltaWish;
}

/**
 * The model and the delta that a request asks for. Whatever names one by itself (the model, the header, the message)
 * must name the same; where nothing does, the key's `rule` makes one of the user.
 */
export function readDeltaAsks(
  { model: asked, header, message, user }: DeltaAsks,
  rule: string | null,
  isModel: (name: string) => boolean,
): Asked {
  const { model, suffix } = splitModel(asked, isModel);
  const named = [
    { field: 'x-zen-delta', name: header },
    { field: 'delta', name: message || undefined },
    { field: 'model', name: suffix },
  ].flatMap(({ field, name }) => (name === undefined ? [] : [{ field, name: checked(name, field) }]));
  const [first, ...others] = named;
  const other = others.find(({ name }) => name !== first?.name);
  if (first && other) {
    const { field } = first;
    const message = `${field}: "${first.name}" is not what ${other.field} asks for, "${other.name}"`;
    throw new GatewayError('invalid_request', message, { param: field });
  }
  if (first) return { model, delta: first.name === NO_DELTA ? NO_DELTA_WISH : first };
  if (rule === null || user === undefined || user === '') return { model, delta: NO_DELTA_WISH };
  return { model, delta: { name: aliasOfUser(rule, user), field: 'user' } };
}

/** `NAME:DELTA`; a model or family whose own name is the whole wins. */
function splitModel(asked: string, isModel: (name: string) => boolean): { model: string; suffix?: string } {
  if (isModel(asked)) return { model: asked };
  for (const at of colonsOf(asked)) {
    const model = asked.slice(0, at);
    if (isModel(model)) return { model, suffix: asked.slice(at + 1) };
  }
  return { model: asked };
}

/** Places of colons, the last first: a digest has one itself, so the longest model name is looked for first. */
function colonsOf(text: string): number[] {
  return [...text.matchAll(/:/g)].map(({ index }) => index).reverse();
}

function checked(name: string, field: string): string {
  if (isDigest(name) || isAlias(name)) return name;
  throw new GatewayError('invalid_request', `${field}: "${shownName(name)}" names no delta: ${NAME_RULE}`, {
    param: field,
  });
}
