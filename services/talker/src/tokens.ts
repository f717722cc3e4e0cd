/** Injection tokens; what they stand for is wired in app.module.ts. */
export const SPEAKER = Symbol('SPEAKER');
export const HEARER = Symbol('HEARER');
export const DESK = Symbol('DESK');
export const STOPPING = Symbol('STOPPING');
