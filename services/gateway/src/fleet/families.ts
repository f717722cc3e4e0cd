import type { Member } from '@zen/quality';

/** Models that may answer for each other under one name, the best one first. */
export interface Family {
  name: string;
  members: Member[];
}

const NAME = /^[\w./:-]{1,128}$/;
const MAX_FAMILIES = 64;
const MAX_MEMBERS = 16;

/**
 * `NAME=MODEL[@WEIGHT],MODEL[@WEIGHT];NAME=…`, the best model first. A weight says how often the model's source
 * agrees with the first one's (above 0, at most 1); `npm run bench -- family` measures it. Throws what is wrong.
 */
export function parseFamilies(text: string): Family[] {
  const families = text
    .split(';')
    .filter((part) => part.trim() !== '')
    .map((part) => parseFamily(part.trim()));
  if (families.length > MAX_FAMILIES) throw new Error(`${families.length} families, at most ${MAX_FAMILIES}`);
  const taken = new Set<string>();
  for (const { name, members } of families) {
    for (const one of [name, ...members.map(({ model }) => model)]) {
      // A model's answers name one family, and no name may mean two things.
      if (taken.has(one)) throw new Error(`"${one}" is named twice`);
      taken.add(one);
    }
  }
  return families;
}

function parseFamily(text: string): Family {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals)).trim();
  if (!NAME.test(name)) throw new Error(`"${text}": expected NAME=MODEL[@WEIGHT],MODEL[@WEIGHT]`);
  const members = text
    .slice(equals + 1)
    .split(',')
    .map((member, at) => parseMember(member.trim(), at === 0));
  if (members.length < 2 || members.length > MAX_MEMBERS) {
    throw new Error(`${name}: ${members.length} members, 2 to ${MAX_MEMBERS} are allowed`);
  }
  return { name, members };
}

function parseMember(text: string, first: boolean): Member {
  const [model = '', weightText, more] = text.split('@');
  if (!NAME.test(model) || more !== undefined) throw new Error(`"${text}": expected MODEL or MODEL@WEIGHT`);
  const weight = weightText === undefined ? null : Number(weightText);
  if (weight !== null && !(weight > 0 && weight <= 1)) {
    throw new Error(`${model}: the weight is ${weightText}, above 0 and at most 1 are allowed`);
  }
  if (first && weight !== null && weight !== 1) {
    throw new Error(`${model}: the first member is the measure, so its weight is 1`);
  }
  return { model, weight: first ? 1 : weight };
}
