/** Injection tokens; what they stand for is wired in app.module.ts. */
export const POD = Symbol('POD');
export const STOPPING = Symbol('STOPPING');
