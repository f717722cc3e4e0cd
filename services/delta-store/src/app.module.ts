import { type DynamicModule, Module } from '@nestjs/common';
import type { OpenedBuilds } from './builds/open-builds';
import type { DeltaService } from './delta-service';
import { DeltaStoreController } from './delta-store.controller';
import type { DeltaStoreMetrics } from './delta-store-metrics';
import type { Authorizer } from './request/authorize';
import { AUTHORIZER, BUILDS, METRICS, SERVICE, STOPPING } from './tokens';

export interface AppParts {
  service: DeltaService;
  authorizer: Authorizer;
  metrics: DeltaStoreMetrics;
  builds: OpenedBuilds | null;
  stopping: AbortSignal;
}

@Module({})
class AppModule {}

export function appModule({ service, authorizer, metrics, builds, stopping }: AppParts): DynamicModule {
  return {
    module: AppModule,
    providers: [
      DeltaStoreController,
      { provide: SERVICE, useValue: service },
      { provide: AUTHORIZER, useValue: authorizer },
      { provide: BUILDS, useValue: builds },
      { provide: STOPPING, useValue: stopping },
      { provide: METRICS, useValue: metrics },
    ],
  };
}
