/** Injection tokens; what they stand for is wired in app.module.ts. */
export const ANSWERER = Symbol('ANSWERER');
export const SERVING = Symbol('SERVING');
export const CONFIG = Symbol('CONFIG');
export const STOPPING = Symbol('STOPPING');
