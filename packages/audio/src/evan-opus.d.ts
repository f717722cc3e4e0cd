declare module '@evan/opus/wasm/index.js' {
  /** s16 interleaved as bytes. Errors of libopus are thrown with its words. */
  export class Decoder {
    constructor(options: { channels: 1 | 2; sample_rate: number });
    decode(packet: Uint8Array): Uint8Array;
    drop(): void;
  }
  export class Encoder {
    constructor(options: {
      channels: 1 | 2;
      sample_rate: number;
      application: 'voip' | 'audio' | 'restricted_lowdelay';
    });
    /** One frame of 2.5, 5, 10, 20, 40 or 60 ms. */
    encode(pcm: Uint8Array): Uint8Array;
    /** With an argument sets, without one asks; numbers of opus_defines.h. */
    ctl(request: number, value?: number): number;
    drop(): void;
  }
}
