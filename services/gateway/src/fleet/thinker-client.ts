import { ThinkerServiceDefinition } from '@zen/contracts';
import { type ClientTls, client, type RpcClient } from '@zen/rpc';

/** What the gateway uses of a thinker. */
export type ThinkerClient = Pick<
  RpcClient<typeof ThinkerServiceDefinition>,
  'describe' | 'watch' | 'generate' | 'tokenize' | 'close'
>;

export type Connect = (address: string) => ThinkerClient;

/**
 * A node that lost its power or its network says nothing at all: its answers stand still until somebody looks. Ten
 * seconds are a pause that a reader bears, and more than the longest step of a thinker that is merely busy.
 */
const LOOK = { keepAliveMs: 4000, keepAliveTimeoutMs: 6000 };

export function thinkerConnector(tls: ClientTls | undefined): Connect {
  return (address) => client(ThinkerServiceDefinition, address, { tls, ...LOOK });
}
