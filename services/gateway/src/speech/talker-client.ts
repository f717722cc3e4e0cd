import { TalkerServiceDefinition, TranscriberServiceDefinition } from '@zen/contracts';
import { type ClientTls, client, type RpcClient } from '@zen/rpc';

/** What the gateway uses of a talker: speech out, and speech in where it has that too. */
export interface TalkerClient {
  talker: Pick<
    RpcClient<typeof TalkerServiceDefinition>,
    'describeTalker' | 'watchTalker' | 'speak' | 'close'
  >;
  transcriber: Pick<RpcClient<typeof TranscriberServiceDefinition>, 'listen' | 'close'>;
}

export type ConnectTalker = (address: string) => TalkerClient;

/** Speech stands still for a listener at once: a node that went silent is given up sooner than a thinker's. */
const LOOK = { keepAliveMs: 2000, keepAliveTimeoutMs: 3000 };

export function talkerConnector(tls: ClientTls | undefined): ConnectTalker {
  return (address) => ({
    talker: client(TalkerServiceDefinition, address, { tls, ...LOOK }),
    transcriber: client(TranscriberServiceDefinition, address, { tls, ...LOOK }),
  });
}
