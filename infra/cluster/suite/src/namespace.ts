import { randomBytes } from 'node:crypto';
import { Kube } from './kube';
import { reportFailure } from './report-failure';
import { readTarget, type Target } from './target';

/** A namespace of its own for one test file; on failure what happened in it is kept in the reports folder. */
export class TestNamespace extends Kube {
  static async create(name: string, target: Target = readTarget()): Promise<TestNamespace> {
    const namespace = new TestNamespace(`${name}-${randomBytes(3).toString('hex')}`, target);
    await namespace.kubectl(['create', 'namespace', namespace.namespace]);
    return namespace;
  }

  /** Runs a test's body and keeps events and logs where it fails. */
  async guard(test: string, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      const folder = await reportFailure(this, test);
      (error as Error).message += `\nevents and logs: ${folder}`;
      throw error;
    }
  }

  /** Deletes it with all that is in it. */
  async remove(): Promise<void> {
    await this.kubectl(['delete', 'namespace', this.namespace, '--wait=true', '--timeout=170s'], {
      timeoutMs: 180_000,
    });
  }
}
