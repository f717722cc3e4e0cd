const FORM = /^zenmodels:\/\/([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)?$/;

/** The namespace of `zenmodels://NAMESPACE`, empty for the process's own; undefined for anything else. */
export function parseModelsAddress(text: string): string | undefined {
  const found = FORM.exec(text);
  return found ? (found[1] ?? '') : undefined;
}
