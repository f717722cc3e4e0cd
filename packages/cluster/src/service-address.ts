/** A Service's endpoints, as `kubernetes://NAMESPACE/SERVICE:PORT` names them. */
export interface ServiceAddress {
  /** Empty: the process's own. */
  namespace: string;
  service: string;
  /** A port of the endpoints: its number, or its name in the Service. */
  port: number | string;
}

const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const FORM = new RegExp(`^kubernetes://(${LABEL})?/(${LABEL}):([a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?)$`);

/** Undefined for anything else than such an address. */
export function parseServiceAddress(text: string): ServiceAddress | undefined {
  const [, namespace = '', service = '', port = ''] = FORM.exec(text) ?? [];
  if (!service) return undefined;
  if (!/^\d+$/.test(port)) return { namespace, service, port };
  const number = Number(port);
  return number >= 1 && number <= 65_535 ? { namespace, service, port: number } : undefined;
}
