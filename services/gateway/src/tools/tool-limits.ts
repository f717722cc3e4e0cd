/** What a request may say of tools; the thinker has the same limits. */
export const MAX_TOOLS = 128;
export const MAX_CALLS = 128;
export const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
export const MAX_DESCRIPTION_BYTES = 16 * 1024;
export const MAX_PARAMETERS_BYTES = 64 * 1024;
export const MAX_CALL_ID = 256;
/** Nesting of a tool's schema and of a call's arguments: what chat templates are given may not be much deeper. */
export const MAX_JSON_DEPTH = 24;
