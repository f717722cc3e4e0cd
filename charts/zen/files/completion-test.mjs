// What `helm test` runs: one completion, and the header that says which stage answered.
const { URL: url, API_KEY: key, NEEDS_KEY: needsKey, TIMEOUT_SECONDS: seconds } = process.env;
const until = Date.now() + Number(seconds) * 1000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) };
const call = (path, init) =>
  fetch(url + path, { ...init, signal: AbortSignal.timeout(Number(seconds) * 1000) });

function fail(message) {
  console.error(message);
  process.exit(1);
}

async function ready() {
  for (;;) {
    const response = await call('/readyz').catch((error) => ({
      ok: false,
      status: error.cause?.code ?? error.message,
    }));
    if (response.ok) return;
    if (Date.now() > until) fail(`the gateway is not ready after ${seconds} s: ${response.status}`);
    await sleep(1000);
  }
}

await ready();
if (needsKey === 'yes') {
  const { status } = await call('/v1/models');
  if (status !== 401) fail(`without a key the gateway answered ${status}, not 401`);
  console.log('a request without a key is refused');
  if (!key) process.exit(0);
}
const models = await call('/v1/models', { headers });
if (!models.ok) fail(`/v1/models answered ${models.status}`);
for (const { id } of (await models.json()).data) {
  const body = JSON.stringify({
    model: id,
    max_tokens: 8,
    messages: [{ role: 'user', content: 'Say hello.' }],
  });
  const response = await call('/v1/chat/completions', { method: 'POST', headers, body });
  const text = await response.text();
  if (!response.ok) fail(`${id} answered ${response.status}: ${text.slice(0, 500)}`);
  const stage = response.headers.get('x-zen-stage');
  if (!/^[0-4]$/.test(stage ?? '')) fail(`${id} answered with x-zen-stage ${stage}`);
  if (!JSON.parse(text).choices[0].message.content) fail(`${id} answered nothing`);
  console.log(`${id} answered at stage ${stage}`);
}
