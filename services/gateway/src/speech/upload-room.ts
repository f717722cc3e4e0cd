import { GatewayError } from '../gateway-error';

/** Bytes of uploads that are kept at once, over all requests. */
export class UploadRoom {
  private used = 0;

  constructor(private readonly maxBytes: number) {}

  /** What one request keeps; `leave` gives it all back. `keep` throws where there is no room. */
  enter(): { keep(bytes: number): void; leave(): void } {
    let own = 0;
    return {
      keep: (bytes) => {
        if (this.used + bytes > this.maxBytes) {
          const message = `overloaded: uploads may hold ${this.maxBytes} bytes together`;
          throw new GatewayError('overloaded', message, { retryAfterS: 1 });
        }
        this.used += bytes;
        own += bytes;
      },
      leave: () => {
        this.used -= own;
        own = 0;
      },
    };
  }
}
