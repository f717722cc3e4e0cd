/** Whether a text can name an alias: 1 to 128 of a-z, 0-9, dot, dash, underscore and slash, the first a letter or digit. */
export function isAlias(text: string): boolean {
  return /^[a-z0-9][a-z0-9._/-]{0,127}$/.test(text);
}
