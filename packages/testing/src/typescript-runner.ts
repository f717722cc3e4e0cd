import { join } from 'node:path';

/** Lets a child process run TypeScript sources, as the tests do: `node -r TYPESCRIPT_RUNNER FILE.ts`. */
export const TYPESCRIPT_RUNNER = join(__dirname, 'run-typescript.cjs');
