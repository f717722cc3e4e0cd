import { join } from 'node:path';

export * from './gen/zen/v1/delta_store';
export * from './gen/zen/v1/expert';
export * from './gen/zen/v1/expert_router';
export * from './gen/zen/v1/gateway';
export * from './gen/zen/v1/resume';
export * from './gen/zen/v1/talker';
export * from './gen/zen/v1/thinker';
export * from './gen/zen/v1/types';

/** A generated FileDescriptorSet of every proto, for server reflection. */
export const descriptorSetPath = join(__dirname, '..', 'descriptors.binpb');
