/** Injection tokens; what they stand for is wired in app.module.ts. */
export const PLACER = Symbol('PLACER');
export const SETTINGS = Symbol('SETTINGS');
export const STOPPING = Symbol('STOPPING');
