import { SpeakStart, type TalkerServiceDefinition } from '@zen/contracts';
import type { RpcClient } from '@zen/rpc';
import type { Heard } from './player';

export interface Speech {
  sampleRate: number;
  /** Signed 16 bits. */
  samples: Int16Array;
  /** Milliseconds from the call to each frame, and how long it lasts. */
  frames: Heard[];
  /** Milliseconds from the call to its end. */
  wallMs: number;
  /** Work, without waiting. */
  computeMs: number;
}

/** A whole text spoken at once, over gRPC. */
export function speakText(
  talker: RpcClient<typeof TalkerServiceDefinition>,
  voice: string,
  text: string,
): Promise<Speech> {
  const started = performance.now();
  let sampleRate = 0;
  let computeMs = 0;
  let position = 0n;
  const parts: Buffer[] = [];
  const frames: Heard[] = [];
  return new Promise((resolve, reject) => {
    const call = talker.speak({
      message({ event }) {
        if (event?.$case === 'started') sampleRate = event.value.sampleRate;
        if (event?.$case === 'finished') computeMs = Number(event.value.computeUs) / 1000;
        if (event?.$case !== 'frame') return;
        const { pcm, position: at } = event.value;
        if (at !== position) reject(new Error(`a frame at ${at} where ${position} was due`));
        position += BigInt(pcm.length / 2);
        parts.push(pcm);
        const durationMs = (1000 * pcm.length) / 2 / sampleRate;
        frames.push({ atMs: performance.now() - started, durationMs });
      },
      ended(error) {
        if (error) return reject(error);
        const wallMs = performance.now() - started;
        resolve({ sampleRate, samples: samplesOf(Buffer.concat(parts)), frames, wallMs, computeMs });
      },
    });
    const start = SpeakStart.fromPartial({ voice, seed: 1n });
    call.send({ message: { $case: 'start', value: start } });
    call.send({ message: { $case: 'text', value: text } });
    call.end();
  });
}

function samplesOf(bytes: Buffer): Int16Array {
  return Int16Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i));
}
