import { Controller, Get, Inject, Param } from '@nestjs/common';
import type { Fleet } from '../fleet/fleet';
import { FLEET } from '../tokens';
import { familyBody } from './family-body';
import { modelBody } from './model-body';

@Controller('v1/models')
export class ModelsController {
  constructor(@Inject(FLEET) private readonly fleet: Fleet) {}

  @Get()
  list() {
    const models = this.fleet.models().map(modelBody);
    return { object: 'list', data: [...models, ...this.fleet.families().map(familyBody)] };
  }

  /** A model's name may hold slashes. */
  @Get('*')
  one(@Param('*') id: string) {
    const group = this.fleet.group(id);
    return group.members.length > 1 ? familyBody(group) : modelBody(group);
  }
}
