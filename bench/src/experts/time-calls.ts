import { ExpertFailure, ExpertServiceDefinition, RowEncoding, RunExpertsRequest } from '@zen/contracts';
import { client } from '@zen/rpc';
import { ExpertCalls } from '@zen/testing';

export interface CallShape {
  layer: number;
  stage: number;
  hiddenSize: number;
  /** Rows; each goes through all of `experts`. */
  rows: number;
  experts: number[];
}

export interface CallTime {
  /** From sending to the answer, microseconds. */
  roundTripUs: number;
  computeUs: number;
  /** Both ways, rows, scales and outputs. */
  bytes: number;
}

/** As the thinker's: an answer larger than the usual window would wait for its reader. */
const CHANNEL = { 'grpc.enable_retries': 0, 'grpc-node.flow_control_window': 8 << 20 };

/** Calls to one pod over one stream, one after the other, as a thinker makes them: int16 rows out (as at a top stage), float32 back. */
export async function timeCalls(address: string, shapes: CallShape[], rounds: number): Promise<CallTime[][]> {
  const pod = client(ExpertServiceDefinition, address, { channel: CHANNEL });
  const calls = new ExpertCalls(pod);
  try {
    const times = shapes.map((): CallTime[] => []);
    // Interleaved, so that whatever else the machine does meets all shapes alike.
    for (let round = -2; round < rounds; round++) {
      for (const [at, shape] of shapes.entries()) {
        const request = requestOf(shape);
        const startedUs = performance.now() * 1000;
        const response = await calls.run(request);
        const roundTripUs = performance.now() * 1000 - startedUs;
        if (response.failure !== ExpertFailure.EXPERT_FAILURE_UNSPECIFIED) throw new Error(response.message);
        const bytes = request.rows.length + request.scales.length + response.outputs.length;
        if (round >= 0) times[at]?.push({ roundTripUs, computeUs: response.computeUs, bytes });
      }
    }
    return times;
  } finally {
    calls.stream.cancel();
    pod.close();
  }
}

function requestOf({ layer, stage, hiddenSize, rows, experts }: CallShape): RunExpertsRequest {
  const codes = Int16Array.from({ length: rows * hiddenSize }, (_, i) => ((i * 3701) % 65_279) - 32_639);
  const scales = new Float32Array((rows * hiddenSize) / 32).fill(0.0001);
  return RunExpertsRequest.fromPartial({
    layer,
    stage,
    encoding: RowEncoding.ROW_ENCODING_INT16,
    rows: Buffer.from(codes.buffer),
    scales: Buffer.from(scales.buffer),
    experts,
    counts: experts.map(() => rows),
    pairs: experts.flatMap(() => [...Array(rows).keys()]),
    answerEncoding: RowEncoding.ROW_ENCODING_F32,
    deadlineUs: 0,
  });
}
