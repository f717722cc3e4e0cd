import { type DynamicModule, Module } from '@nestjs/common';
import { ExpertController } from './expert.controller';
import type { Pod } from './pod';
import { POD, STOPPING } from './tokens';

export interface AppParts {
  pod: Pod;
  stopping: AbortSignal;
}

@Module({})
class AppModule {}

export function appModule({ pod, stopping }: AppParts): DynamicModule {
  return {
    module: AppModule,
    providers: [ExpertController, { provide: POD, useValue: pod }, { provide: STOPPING, useValue: stopping }],
  };
}
