// What `npm start` shows: one streamed answer, then a burst under which the gateway lowers the stage.

/** Streams one chat answer to the terminal, with a mark where a higher stage takes over, and says why that stage. */
export async function showAnswer(gateway, model, prompt) {
  console.log(`\n\x1b[1m> ${prompt}\x1b[0m`);
  const started = performance.now();
  const response = await chat(gateway, {
    model,
    messages: [{ role: 'user', content: prompt }],
    max_tokens: 80,
    stream: true,
    temperature: 0,
  });
  let first = 0;
  let pieces = 0;
  let stage;
  for await (const event of events(response)) {
    const text = event.choices?.[0]?.delta?.content;
    if (!text) continue;
    if (pieces++ === 0) first = performance.now();
    const now = event.zen?.stage;
    if (stage !== undefined && now !== stage) process.stdout.write(`\x1b[36m⟨stage ${now}⟩\x1b[0m`);
    stage = now;
    process.stdout.write(text);
  }
  const seconds = (performance.now() - first) / 1000;
  console.log(
    `\n\x1b[2m${described(response)}; first token after ${(first - started).toFixed(0)} ms, then ${((pieces - 1) / seconds).toFixed(0)} pieces/s\x1b[0m`,
  );
}

/** Sends `count` answers at once and prints how many each stage answered, and what comes after the burst. */
export async function showBurst(gateway, model, count) {
  console.log(`\n\x1b[1m> ${count} requests at once\x1b[0m`);
  const started = performance.now();
  const stages = new Map();
  const note = (response) => {
    const key = response.ok
      ? `stage ${response.headers.get('x-zen-stage')} (${response.headers.get('x-zen-stage-reason')})`
      : `refused (${response.status})`;
    stages.set(key, (stages.get(key) ?? 0) + 1);
  };
  await Promise.all(
    [...Array(count).keys()].map(async (i) => {
      const messages = [{ role: 'user', content: `Name ${i + 2} things that are blue.` }];
      const response = await chat(gateway, { model, messages, max_tokens: 32, stream: true });
      note(response);
      await response.text();
    }),
  );
  for (const [stage, n] of [...stages].sort()) console.log(`  ${String(n).padStart(4)} answered by ${stage}`);
  console.log(`\x1b[2m${count} answers in ${((performance.now() - started) / 1000).toFixed(1)} s\x1b[0m\n`);
}

function chat(gateway, body) {
  return fetch(`${gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function described(response) {
  const header = (name) => response.headers.get(name);
  const quality = header('x-zen-quality');
  return `stage ${header('x-zen-stage')} (${header('x-zen-stage-reason')})${quality ? `, ${quality}` : ''}`;
}

/** Server-sent events of a streamed completion, parsed; ends at [DONE]. */
async function* events(response) {
  if (!response.ok) throw new Error(`the gateway answered ${response.status}: ${await response.text()}`);
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
      yield JSON.parse(line.slice(6));
    }
  }
}
