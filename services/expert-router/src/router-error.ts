import { RpcError } from '@zen/rpc';

/** A field outside its limits. */
export function invalid(field: string, problem: string): RpcError {
  return new RpcError('INVALID_ARGUMENT', `${field}: ${problem}`, { 'x-zen-failure': 'invalid' });
}

/** The router places something else than the caller has. */
export function otherArtifact(asked: string, placed: string): RpcError {
  return new RpcError('FAILED_PRECONDITION', `artifact_digest: ${asked} is not what is placed, ${placed}`, {
    'x-zen-failure': 'other_artifact',
  });
}

/** No pod has said yet what it is of. */
export function nothingPlaced(): RpcError {
  return new RpcError('UNAVAILABLE', 'no expert pod has said yet what it is of');
}
