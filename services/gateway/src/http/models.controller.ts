import { Controller, Get, Inject, Param } from '@nestjs/common';
import type { Fleet } from '../fleet/fleet';
import { FLEET } from '../tokens';
import { modelBody } from './model-body';

@Controller('v1/models')
export class ModelsController {
  constructor(@Inject(FLEET) private readonly fleet: Fleet) {}

  @Get()
  list() {
    return { object: 'list', data: this.fleet.models().map(modelBody) };
  }

  /** A model's name may hold slashes. */
  @Get('*')
  one(@Param('*') id: string) {
    return modelBody(this.fleet.group(id));
  }
}
