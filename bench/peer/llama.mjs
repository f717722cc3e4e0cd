// The peer: llama.cpp through node-llama-cpp, in a process of its own so that nothing is shared with ours.
// Usage: node llama.mjs PATH-OF-NODE-LLAMA-CPP MODEL.gguf THREADS. Answers one message at a time over IPC.
const [modulePath, modelPath, threads] = process.argv.slice(2);
const { getLlama } = await import(modulePath);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: Number(threads) });
const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
const context = await model.createContext({ contextSize: 2048, threads: Number(threads), batchSize: 512 });
const sequence = context.getSequence();

/** Greedy continuation of `tokens`: milliseconds to the first token and for the `count` after it. */
async function generate({ tokens, count }) {
  await sequence.clearHistory();
  const started = performance.now();
  let first = 0;
  let produced = 0;
  for await (const _ of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
    if (produced === 0) first = performance.now();
    if (produced++ === count) break;
  }
  return { prefillMs: first - started, decodeMs: performance.now() - first, produced: produced - 1 };
}

process.on('message', async (message) => process.send(await generate(message)));
process.send({ ready: true });
