import { type DynamicModule, Module } from '@nestjs/common';
import { type ControllerSettings, ExpertRouterController } from './expert-router.controller';
import type { Placer } from './placing/placer';
import { PLACER, SETTINGS, STOPPING } from './tokens';

export interface AppParts {
  placer: Placer;
  settings: ControllerSettings;
  stopping: AbortSignal;
}

@Module({})
class AppModule {}

export function appModule({ placer, settings, stopping }: AppParts): DynamicModule {
  return {
    module: AppModule,
    providers: [
      ExpertRouterController,
      { provide: PLACER, useValue: placer },
      { provide: SETTINGS, useValue: settings },
      { provide: STOPPING, useValue: stopping },
    ],
  };
}
