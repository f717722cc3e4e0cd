import { Aliases } from './aliases/aliases';
import { References } from './aliases/references';
import { AuditLog } from './audit/audit-log';
import { Blobs } from './deltas/blobs';
import { Catalog } from './deltas/catalog';
import { Publisher } from './deltas/publisher';
import { Collector } from './garbage/collector';
import { Remover } from './garbage/remover';
import { Leases } from './leases/leases';
import { Ledger, type QuotaLimits } from './quota/ledger';
import type { ObjectStore } from './storage/object-store';
import { Registers } from './storage/registers';
import { Tenants } from './tenant/tenants';

export interface ServiceOptions {
  objects: ObjectStore;
  /** At least 32 bytes. */
  masterKey: Buffer;
  limits: QuotaLimits;
  /** How long a delta stays that nothing keeps, milliseconds. */
  graceMs: number;
  leaseMs: number;
  /** Milliseconds since the epoch. */
  nowMs: () => number;
}

/** Generations of a ledger that stay: a writer that slept through more of them finds out that it lost. */
const LEDGER_GENERATIONS = 64;
const LEASE_GENERATIONS = 4;

/** The store without its wire: everything that works on one storage, put together. */
export function deltaService({ objects, masterKey, limits, graceMs, leaseMs, nowMs }: ServiceOptions) {
  const registers = new Registers(objects);
  const tenants = new Tenants(objects, registers, masterKey, nowMs);
  const catalog = new Catalog(objects);
  const blobs = new Blobs(objects);
  const ledger = new Ledger(new Registers(objects, LEDGER_GENERATIONS), limits);
  const audit = new AuditLog(objects, registers, nowMs);
  const references = new References(objects, nowMs);
  const aliases = new Aliases({ objects, registers, catalog, references, audit, nowMs });
  const publisher = new Publisher({ tenants, catalog, blobs, ledger, audit, nowMs });
  const leases = new Leases(objects, new Registers(objects, LEASE_GENERATIONS), leaseMs, nowMs);
  const parts = { objects, tenants, catalog, blobs, ledger, audit, references, aliases, leases, nowMs };
  const remover = new Remover(parts);
  const collector = new Collector({ ...parts, remover }, graceMs);
  return { ...parts, publisher, remover, collector };
}

export type DeltaService = ReturnType<typeof deltaService>;
