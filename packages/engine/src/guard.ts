import { EngineError } from './engine-error';

/** Every error of a native call as an EngineError. */
export function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw EngineError.from(error);
  }
}

export async function guardAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw EngineError.from(error);
  }
}
