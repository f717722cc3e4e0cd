/** Injection tokens; what they stand for is wired in app.module.ts. */
export const SERVICE = Symbol('SERVICE');
export const AUTHORIZER = Symbol('AUTHORIZER');
export const BUILDS = Symbol('BUILDS');
export const STOPPING = Symbol('STOPPING');
export const METRICS = Symbol('METRICS');
