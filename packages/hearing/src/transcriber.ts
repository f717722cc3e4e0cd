import type { WindowRequest, WindowTranscript } from './whisper/transcript';

/**
 * Who goes first: `final` is waited for by somebody, `ahead` will probably be the final of somebody who has just paused,
 * `partial` is worth nothing once there is a newer one.
 */
export const URGENCIES = ['final', 'ahead', 'partial'] as const;
export type Urgency = (typeof URGENCIES)[number];

/** The port behind which words are found in audio. */
export interface Transcriber {
  readonly name: string;
  /** ISO 639 codes. */
  readonly languages: ReadonlySet<string>;
  /**
   * What is said in a window of at most 30 s.
   *
   * @throws HearingError `busy` for a partial that others went before; `cancelled`, `closed`, `broken`
   */
  transcribe(request: WindowRequest, urgency: Urgency, signal: AbortSignal): Promise<WindowTranscript>;
  close(): Promise<void>;
}
