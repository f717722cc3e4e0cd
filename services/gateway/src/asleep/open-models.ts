import { type EndpointSource, inCluster } from '@zen/cluster';
import type { Logger } from '@zen/telemetry';
import { ClusterModels } from './cluster-models';
import { type ModelBook, NO_BOOK } from './model-book';
import { parseModelsAddress } from './models-address';

export interface OpenedModels {
  book: ModelBook;
  /** Where their thinkers come from. */
  sources: EndpointSource[];
  /** Entries of `ZEN_THINKERS` that name something else. */
  others: string[];
}

/** What `zenmodels://` among the entries declares. Throws a ClusterError where there is no cluster to ask. */
export function openModels(entries: readonly string[], logger: Logger, onChange: () => void): OpenedModels {
  const others = entries.filter((entry) => parseModelsAddress(entry) === undefined);
  const [namespace] = entries.flatMap((entry) => parseModelsAddress(entry) ?? []);
  if (namespace === undefined) return { book: NO_BOOK, sources: [], others };
  const models = new ClusterModels(inCluster(process.env), {
    namespace,
    random: Math.random,
    wallClock: Date.now,
    onChange,
    onTrouble: (what, { message }) => logger.warn({ what, reason: message }, 'models cannot be followed now'),
  });
  return { book: models, sources: [models], others };
}
