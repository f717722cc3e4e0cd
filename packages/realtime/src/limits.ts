/** What one session may hold. Counts are never negative. */
export interface SessionLimits {
  /** Items of the conversation. */
  maxItems: number;
  /** Text of all items and instructions, UTF-16 units. */
  maxTextUnits: number;
  /** Audio that waits for a commit where no turns are detected, milliseconds. */
  maxBufferMs: number;
  /** Out-of-band responses at once, beside the conversation's own. */
  maxOutOfBand: number;
  /** A session ends after this, milliseconds. */
  maxSessionMs: number;
}

export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  maxItems: 1000,
  maxTextUnits: 1_000_000,
  maxBufferMs: 600_000,
  maxOutOfBand: 4,
  maxSessionMs: 3_600_000,
};
