/** What DescribeTalker says of the ears. */
export interface Listening {
  /** Name of the model; empty: nobody listens, or not yet. */
  readonly transcriber: string;
  readonly maxListening: number;
  readonly listening: number;
}
