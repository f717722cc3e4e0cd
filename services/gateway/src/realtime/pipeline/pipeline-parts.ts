import type { Happening } from '@zen/realtime';
import type { Logger } from '@zen/telemetry';
import type { Answerer } from '../../answer/answerer';
import type { DeltaResolver } from '../../deltas/delta-resolver';
import type { Gate } from '../../door/gate';
import type { Headers, Visit } from '../../door/visit';
import type { Fleet } from '../../fleet/fleet';
import type { Tenant } from '../../keys/tenant';
import type { ListenRules } from '../../speech/listen-anywhere';
import type { SpeechDesk } from '../../speech/speech-desk';
import type { Talkers } from '../../speech/talkers';
import type { RealtimeMetrics } from '../realtime-metrics';

/** What the sessions of a gateway share. */
export interface PipelineParts {
  gate: Gate;
  fleet: Fleet;
  answerer: Answerer;
  deltas: DeltaResolver;
  talkers: Talkers;
  desk: SpeechDesk;
  listening: ListenRules;
  metrics: RealtimeMetrics;
  logger: Logger;
  now(): number;
}

/** Whose session it is. */
export interface Caller {
  /** As the client named it; may hold a delta. */
  model: string;
  headers: Headers;
  tenant: Tenant;
  /** A request of the session's, as if it came by itself: its key has to be good still. */
  enter(): Visit;
}

/** Tells a session what has happened; resolves when its client has taken enough for more to come. */
export type Teller = (happening: Happening) => Promise<void>;
