import { type DynamicModule, Module } from '@nestjs/common';
import type { ApiServer } from '@zen/cluster';
import type { Logger } from '@zen/telemetry';
import { ClusterView } from './api/cluster-view';
import { ClusterWriter } from './api/cluster-writer';
import type { Blueprint } from './desired/blueprint';
import { OperatorMetrics } from './operator-metrics';
import { Reconciler } from './reconcile/reconciler';
import { METRICS, RECONCILER, VIEW, WRITER } from './tokens';

export interface AppParts {
  server: ApiServer;
  namespace: string;
  identity: string;
  blueprint: Blueprint;
  relistMs: number;
  logger: Logger;
}

@Module({})
class AppModule {}

export function appModule({
  server,
  namespace,
  identity,
  blueprint,
  relistMs,
  logger,
}: AppParts): DynamicModule {
  const metrics = new OperatorMetrics();
  const view: ClusterView = new ClusterView(server, {
    namespace,
    now: () => performance.now(),
    random: Math.random,
    relistS: relistMs / 1000,
    onChange: () => reconciler.wake(),
    onTrouble: ({ kind }, { message }) => {
      metrics.watchFailed(kind);
      logger.warn({ kind, reason: message }, 'cannot be followed now');
    },
  });
  const writer = new ClusterWriter(server, {
    namespace,
    identity,
    onRequest: (verb, status) => metrics.asked(verb, status),
  });
  const reconciler = new Reconciler({ view, writer, blueprint, metrics, logger, random: Math.random });
  metrics.reportAges(() => view.ages());
  return {
    module: AppModule,
    providers: [
      { provide: METRICS, useValue: metrics },
      { provide: VIEW, useValue: view },
      { provide: WRITER, useValue: writer },
      { provide: RECONCILER, useValue: reconciler },
    ],
  };
}
