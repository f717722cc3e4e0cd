/** Why the engine refused: which tensor or field, and the limit that it breaks. */
export interface EngineFailure {
  kind: 'tensor' | 'field' | 'missing';
  /** `blk.0.attn_q.weight.rungs[1].planes[0].offset`, or a field such as `topP`. */
  name: string;
  limit: string;
}

/** Every error of this package. */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly failure: EngineFailure,
    options?: ErrorOptions,
  ) {
    super(`${failure.kind === 'tensor' ? 'tensor ' : ''}${failure.name} ${failure.limit}`, options);
  }

  /** Whatever the native side threw. */
  static from(error: unknown): EngineError {
    if (error instanceof EngineError) return error;
    const { field, limit, message } = error as { field?: unknown; limit?: unknown; message?: unknown };
    if (typeof field !== 'string' || typeof limit !== 'string') {
      return new EngineError(
        { kind: 'field', name: 'engine', limit: String(message ?? error) },
        { cause: error },
      );
    }
    const tensor = field.startsWith('tensor ');
    const name = tensor ? field.slice('tensor '.length) : field;
    return new EngineError({ kind: tensor ? 'tensor' : 'field', name, limit }, { cause: error });
  }
}
