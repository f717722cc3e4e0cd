import { Controller, Get, Inject, Param } from '@nestjs/common';
import type { Fleet } from '../fleet/fleet';
import { FLEET } from '../tokens';
import { asleepBody } from './asleep-body';
import { familyBody } from './family-body';
import { modelBody } from './model-body';

@Controller('v1/models')
export class ModelsController {
  constructor(@Inject(FLEET) private readonly fleet: Fleet) {}

  @Get()
  list() {
    const models = this.fleet.models().map(modelBody);
    const asleep = this.fleet.asleep().map(asleepBody);
    return { object: 'list', data: [...models, ...asleep, ...this.fleet.families().map(familyBody)] };
  }

  /** A model's name may hold slashes. */
  @Get('*')
  one(@Param('*') id: string) {
    const asleep = this.fleet.asleep().find(({ model }) => model === id);
    if (asleep) return asleepBody(asleep);
    const group = this.fleet.group(id);
    return group.members.length > 1 ? familyBody(group) : modelBody(group);
  }
}
