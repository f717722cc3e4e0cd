import { Controller, Get, Inject, Param } from '@nestjs/common';
import type { Fleet } from '../fleet/fleet';
import { speechModels } from '../speech/speech-models';
import type { Talkers } from '../speech/talkers';
import { FLEET, TALKERS } from '../tokens';
import { asleepBody } from './asleep-body';
import { familyBody } from './family-body';
import { modelBody } from './model-body';

@Controller('v1/models')
export class ModelsController {
  constructor(
    @Inject(FLEET) private readonly fleet: Fleet,
    @Inject(TALKERS) private readonly talkers: Talkers,
  ) {}

  @Get()
  list() {
    const models = this.fleet.models().map(modelBody);
    const asleep = this.fleet.asleep().map(asleepBody);
    const families = this.fleet.families().map(familyBody);
    return { object: 'list', data: [...models, ...asleep, ...families, ...speechModels(this.talkers)] };
  }

  /** A model's name may hold slashes. */
  @Get('*')
  one(@Param('*') id: string) {
    const asleep = this.fleet.asleep().find(({ model }) => model === id);
    if (asleep) return asleepBody(asleep);
    const speech = speechModels(this.talkers).find((model) => model.id === id);
    if (speech) return speech;
    const group = this.fleet.group(id);
    return group.members.length > 1 ? familyBody(group) : modelBody(group);
  }
}
