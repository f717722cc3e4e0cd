import { ChannelCredentials, type Client, loadPackageDefinition } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';

interface Health extends Client {
  check(request: object, done: (error: Error | null, response: { status: string }) => void): void;
}

/** Asks for health as a kubelet does. */
export function healthClient(
  address: string,
  credentials: ChannelCredentials = ChannelCredentials.createInsecure(),
) {
  const { health } = loadPackageDefinition({ health: healthService } as never) as never as {
    health: new (address: string, credentials: ChannelCredentials) => Health;
  };
  const connection = new health(address, credentials);
  const status = (service: string): Promise<string> =>
    new Promise((resolve, reject) => {
      connection.check({ service }, (error, response) => (error ? reject(error) : resolve(response.status)));
    });
  return { status, close: () => connection.close() };
}
