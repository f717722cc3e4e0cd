import { authorization } from './chat';

const WAIT_MS = 3000;

/** Whether the server answers, and is not just about to go or to come. */
export async function serverIsThere(key: string): Promise<boolean> {
  const signal = AbortSignal.timeout(WAIT_MS);
  try {
    const { status } = await fetch('/v1/models', { headers: authorization(key), cache: 'no-store', signal });
    return status < 500;
  } catch {
    return false;
  }
}
