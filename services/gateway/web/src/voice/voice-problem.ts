/** Why somebody cannot speak here, in words for a person. */
export class VoiceProblem extends Error {
  override readonly name = 'VoiceProblem';
}

const MICROPHONE: Record<string, string> = {
  NotAllowedError:
    'The browser does not let this page use the microphone. Allow it beside the address, then start again.',
  SecurityError:
    'The browser does not let this page use the microphone. Allow it beside the address, then start again.',
  NotFoundError: 'No microphone was found. Connect one, then start again.',
  NotReadableError: 'The microphone cannot be read. Another program may be using it.',
  AbortError: 'The microphone cannot be read. Another program may be using it.',
};

/** What `getUserMedia` throws. */
export function microphoneProblem(error: unknown): VoiceProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  return new VoiceProblem(MICROPHONE[name] ?? `The microphone cannot be used (${name || 'unknown'}).`);
}

/** A page that came over plain HTTP from elsewhere is given no microphone at all. */
export const INSECURE = new VoiceProblem(
  'Browsers give the microphone only to pages that come over HTTPS or from this machine.',
);
