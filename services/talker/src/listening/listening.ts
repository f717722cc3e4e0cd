/** What DescribeTalker says of the ears. */
export interface Listening {
  /** Name of the model; empty: nobody listens. */
  readonly transcriber: string;
  readonly maxListening: number;
  readonly listening: number;
}

/** A talker that only speaks. */
export const DEAF: Listening = { transcriber: '', maxListening: 0, listening: 0 };
