/** Injection tokens; what they stand for is wired in app.module.ts. */
export const ANSWERER = Symbol('ANSWERER');
export const REPLICA = Symbol('REPLICA');
export const CONFIG = Symbol('CONFIG');
export const STOPPING = Symbol('STOPPING');
