import { type DynamicModule, Module } from '@nestjs/common';
import type { DeltaService } from './delta-service';
import { DeltaStoreController } from './delta-store.controller';
import type { DeltaStoreMetrics } from './delta-store-metrics';
import type { Authorizer } from './request/authorize';
import { AUTHORIZER, METRICS, SERVICE } from './tokens';

export interface AppParts {
  service: DeltaService;
  authorizer: Authorizer;
  metrics: DeltaStoreMetrics;
}

@Module({})
class AppModule {}

export function appModule({ service, authorizer, metrics }: AppParts): DynamicModule {
  return {
    module: AppModule,
    providers: [
      DeltaStoreController,
      { provide: SERVICE, useValue: service },
      { provide: AUTHORIZER, useValue: authorizer },
      { provide: METRICS, useValue: metrics },
    ],
  };
}
