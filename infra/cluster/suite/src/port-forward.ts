import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Kube } from './kube';

/** A local port that leads to a pod or Service: `address` is `127.0.0.1:PORT`. */
export interface PortForward {
  address: string;
  close(): Promise<void>;
}

/** `kubectl port-forward` to `svc/NAME` or `pod/NAME`. It leads to one pod and ends with it. */
export async function portForward(kube: Kube, object: string, port: number): Promise<PortForward> {
  const argv = kube.kubectlArguments(['port-forward', object, `:${port}`, '--address', '127.0.0.1']);
  const child = spawn(kube.target.kubectl, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const address = await listening(child, `port-forward ${object} ${port}`);
  return {
    address,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

function listening(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => fail('not listening within 60 s'), 60_000);
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${what}: ${why}\n${output}`));
    };
    child.stderr?.on('data', (data) => {
      output += data;
    });
    child.stdout?.on('data', (data) => {
      output += data;
      const found = output.match(/Forwarding from (127\.0\.0\.1:\d+)/)?.[1];
      if (!found) return;
      clearTimeout(timer);
      resolve(found);
    });
    child.on('error', (error) => fail(error.message));
    child.on('exit', (status) => fail(`exit ${status}`));
  });
}
