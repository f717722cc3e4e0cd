import { ReplicaState, StageState } from '@zen/contracts';
import { Counter, Gauge, type Registry } from '@zen/telemetry';
import { progressNow, stagesNow } from './describe';
import type { Replica } from './serving/replica';

const STAGE_STATES = {
  absent: StageState.STAGE_STATE_ABSENT,
  fetching: StageState.STAGE_STATE_FETCHING,
  attaching: StageState.STAGE_STATE_ATTACHING,
  serving: StageState.STAGE_STATE_SERVING,
  failed: StageState.STAGE_STATE_FAILED,
};
const REPLICA_STATES = {
  absent: ReplicaState.REPLICA_STATE_ABSENT,
  fetching: ReplicaState.REPLICA_STATE_FETCHING,
  serving: ReplicaState.REPLICA_STATE_SERVING,
  complete: ReplicaState.REPLICA_STATE_COMPLETE,
  failed: ReplicaState.REPLICA_STATE_FAILED,
};

/** Where the model is on its way: read when they are asked for. Labels are stages and states, closed sets. */
export function replicaGauges(replica: Replica, registry: Registry): void {
  const gauge = (name: string, help: string, labelNames: string[], read: (gauge: Gauge) => void) =>
    new Gauge({
      name: `zen_thinker_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        read(this);
      },
    });
  gauge('stage', 'Highest stage attached, -1 for none', [], (one) =>
    one.set(replica.serving?.climb.top ?? -1),
  );
  gauge('info', 'Always 1', ['model', 'kernels'], (one) => {
    if (!replica.serving) return;
    const { name, kernels } = replica.serving.model;
    one.set({ model: name, kernels }, 1);
  });
  gauge('replica_state', '1 for the state that the model is in', ['state'], (one) => {
    const { state } = progressNow(replica);
    for (const [name, value] of Object.entries(REPLICA_STATES))
      one.set({ state: name }, value === state ? 1 : 0);
  });
  gauge('stage_state', '1 for the state that each stage is in', ['stage', 'state'], (one) => {
    for (const { stage, state } of replica.serving ? stagesNow(replica.serving) : []) {
      for (const [name, value] of Object.entries(STAGE_STATES))
        one.set({ stage, state: name }, value === state ? 1 : 0);
    }
  });
  gauge('stage_bytes', 'Bytes of each stage: in all, and verified on this node', ['stage', 'kind'], (one) => {
    for (const { stage, bytes, bytesPresent } of replica.serving ? stagesNow(replica.serving) : []) {
      one.set({ stage, kind: 'total' }, Number(bytes));
      one.set({ stage, kind: 'present' }, Number(bytesPresent));
    }
  });
  gauge('download_bytes_per_second', 'Verified bytes per second that arrive now', [], (one) =>
    one.set(Number(progressNow(replica).bytesPerSecond)),
  );
  new Counter({
    name: 'zen_thinker_corrupt_chunks_total',
    help: 'Chunks that turned out bad on the disk',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(replica.serving?.climb.corruptChunks ?? 0);
    },
  });
}
