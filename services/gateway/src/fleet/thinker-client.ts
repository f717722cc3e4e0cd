import { ThinkerServiceDefinition } from '@zen/contracts';
import { type ClientTls, client, type RpcClient } from '@zen/rpc';

/** What the gateway uses of a thinker. */
export type ThinkerClient = Pick<
  RpcClient<typeof ThinkerServiceDefinition>,
  'describe' | 'watch' | 'generate' | 'close'
>;

export type Connect = (address: string) => ThinkerClient;

export function thinkerConnector(tls: ClientTls | undefined): Connect {
  return (address) => client(ThinkerServiceDefinition, address, { tls });
}
