import { ThinkerServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';

/** What the gateway uses of a thinker. */
export type ThinkerClient = Pick<
  RpcClient<typeof ThinkerServiceDefinition>,
  'describe' | 'watch' | 'generate' | 'close'
>;

export type Connect = (address: string) => ThinkerClient;

export const connectThinker: Connect = (address) => client(ThinkerServiceDefinition, address);
