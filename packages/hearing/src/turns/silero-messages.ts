/** What the thread is started with. */
export interface SileroStart {
  path: string;
}

export type ToSilero =
  | { kind: 'hear'; id: number; stream: number; samples: Float32Array }
  | { kind: 'forget'; stream: number };

export type FromSilero =
  | { kind: 'ready' }
  | { kind: 'heard'; id: number; probabilities: number[] }
  | { kind: 'failed'; id: number; message: string };
