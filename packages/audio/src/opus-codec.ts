// The build for WebAssembly, not the one for this machine: what is hostile breaks a memory of its own at most.
import { Decoder, Encoder } from '@evan/opus/wasm/index.js';

export { Decoder as OpusDecoder, Encoder as OpusEncoder };
