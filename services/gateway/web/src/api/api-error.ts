/** What the gateway refused or what went wrong on the way, in words for a person. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    /** The gateway's name for the failure; `network` where no answer came at all, `cut` where it broke off. */
    readonly code: string,
    /** Seconds after which a repetition may succeed; null where the server does not say. */
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }

  static from(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    return new ApiError('The server cannot be reached.', 'network');
  }
}

/** Of a response that is not 2xx. */
export async function refusalOf(response: Response): Promise<ApiError> {
  const body = await response.text();
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const { code, message } = errorFields(body) ?? {
    code: 'internal',
    message: `the server answered ${response.status}`,
  };
  return new ApiError(inWords(code, message), code, Number.isFinite(retryAfter) ? retryAfter : null);
}

/** The error in a body or an event; null where it holds none. */
export function errorFields(text: string): { code: string; message: string } | null {
  try {
    const { error } = JSON.parse(text);
    if (typeof error?.message !== 'string') return null;
    return { code: String(error.code), message: error.message };
  } catch {
    return null;
  }
}

export function inWords(code: string, message: string): string {
  switch (code) {
    case 'invalid_api_key':
      return 'This server needs an API key. Enter yours under “Key”.';
    case 'rate_limit_exceeded':
      return `Your key has reached its limit (${message}).`;
    case 'overloaded':
      return `The server is busy: ${message}.`;
    case 'unavailable':
      return `No model can answer now: ${message}.`;
    case 'stage_not_attached':
      return `That stage has not arrived yet: ${message}.`;
    case 'context_length_exceeded':
      return `The conversation is too long for the model: ${message}. Clear it to go on.`;
    default:
      return `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith('.') ? '' : '.'}`;
  }
}
