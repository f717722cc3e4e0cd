import { type ChildProcess, spawn } from 'node:child_process';

/** Calls Generate with plain grpc-js and raw bytes, and writes one line for each message. */
const SCRIPT = `
const { Client, credentials } = require(process.argv[1]);
const same = (bytes) => bytes;
const client = new Client(process.argv[2], credentials.createInsecure());
const call = client.makeServerStreamRequest('/zen.v1.ThinkerService/Generate', same, same, Buffer.from(process.argv[3], 'hex'));
call.on('data', (message) => console.log(message.toString('hex')));
call.on('error', (error) => { console.log('error ' + error.code + ' ' + error.details); process.exit(1); });
call.on('end', () => process.exit(0));
`;

export interface OtherProcess {
  child: ChildProcess;
  /** Resolves with all lines when the process has ended. */
  ended: Promise<string[]>;
}

/** A client that shares nothing with this process. */
export function otherProcess(address: string, request: Buffer): OtherProcess {
  const argv = ['-e', SCRIPT, require.resolve('@grpc/grpc-js'), address, request.toString('hex')];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const ended = new Promise<string[]>((resolve) => {
    child.once('close', () => resolve(output.split('\n').filter(Boolean)));
  });
  return { child, ended };
}
