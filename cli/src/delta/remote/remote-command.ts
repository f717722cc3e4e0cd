import type { Command } from 'commander';
import { type Context, common, contextOf } from '../../context';
import { GatewayApi, type GatewayOptions, withGateway } from '../../gateway-api';
import { DeltaApi } from './delta-api';

export type RemoteOptions = GatewayOptions & { json?: boolean };

/** A subcommand that asks a gateway. */
export function remoteCommand(delta: Command, name: string, description: string): Command {
  return withGateway(common(delta.command(name))).description(description);
}

export function remoteOf(options: RemoteOptions): { context: Context; api: DeltaApi } {
  const context = contextOf(options);
  return { context, api: new DeltaApi(new GatewayApi(options, context.signal)) };
}
