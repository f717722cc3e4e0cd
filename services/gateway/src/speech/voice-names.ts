/** Names of OpenAI's voices, which clients have set: each stands for the default voice unless a talker has one so called. */
const ALIASES = new Set([
  'alloy',
  'ash',
  'ballad',
  'cedar',
  'coral',
  'echo',
  'fable',
  'marin',
  'nova',
  'onyx',
  'sage',
  'shimmer',
  'verse',
]);

/** Whether a name asks for no particular voice of ours. */
export function meansDefault(voice: string): boolean {
  return voice === '' || voice === 'default' || ALIASES.has(voice);
}
