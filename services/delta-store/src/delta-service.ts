import { Aliases } from './aliases/aliases';
import { References } from './aliases/references';
import { AuditLog } from './audit/audit-log';
import { Blobs } from './deltas/blobs';
import { Catalog } from './deltas/catalog';
import { Publisher } from './deltas/publisher';
import { Ledger, type QuotaLimits } from './quota/ledger';
import type { ObjectStore } from './storage/object-store';
import { Registers } from './storage/registers';
import { Tenants } from './tenant/tenants';

export interface ServiceOptions {
  objects: ObjectStore;
  /** At least 32 bytes. */
  masterKey: Buffer;
  limits: QuotaLimits;
  /** Milliseconds since the epoch. */
  nowMs: () => number;
}

/** Generations of a ledger that stay: a writer that slept through more of them finds out that it lost. */
const LEDGER_GENERATIONS = 64;

/** The store without its wire: everything that works on one storage, put together. */
export function deltaService({ objects, masterKey, limits, nowMs }: ServiceOptions) {
  const registers = new Registers(objects);
  const tenants = new Tenants(objects, registers, masterKey);
  const catalog = new Catalog(objects);
  const blobs = new Blobs(objects);
  const ledger = new Ledger(new Registers(objects, LEDGER_GENERATIONS), limits);
  const audit = new AuditLog(objects, registers, nowMs);
  const references = new References(objects, nowMs);
  const aliases = new Aliases({ objects, registers, catalog, references, audit, nowMs });
  const publisher = new Publisher({ catalog, blobs, ledger, audit, nowMs });
  return { objects, tenants, catalog, blobs, ledger, audit, references, aliases, publisher, nowMs };
}

export type DeltaService = ReturnType<typeof deltaService>;
