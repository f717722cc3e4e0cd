import { safetensors } from '@zen/deltas';
import { deltaStoreMissing } from '@zen/testing';
import { eventsOf, type Running } from '../../gateway.fixture';
import { realLadder } from '../../smollm2.fixture';
import { keyOf, PersonalFleet, personalThinker } from '../personal.fixture';

jest.setTimeout(300_000);

const ladder = realLadder();
const missing = 'missing' in ladder ? ladder.missing : deltaStoreMissing();
if (missing) process.stdout.write(`skipped: builds over HTTP: ${missing}\n`);

// biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes are looked at here.
type Json = any;

/** A LoRA on one projection of SmolLM2. */
const AT = 'base_model.model.model.layers.2.self_attn.v_proj';
const tensor = (name: string, shape: [number, number]) => ({
  name: `${AT}.${name}.weight`,
  dtype: 'F32' as const,
  shape,
  data: new Uint8Array(
    Float32Array.from({ length: shape[0] * shape[1] }, (_, at) => Math.sin(at) / 10).buffer,
  ),
});
const ADAPTER = Buffer.from(safetensors([tensor('lora_A', [4, 576]), tensor('lora_B', [192, 4])]));
const CONFIG = JSON.stringify({ peft_type: 'LORA', r: 4, lora_alpha: 8 });

(missing ? describe.skip : describe)('builds over HTTP', () => {
  let fleet: PersonalFleet;
  let running: Running;
  beforeAll(async () => {
    fleet = await PersonalFleet.start({
      ZEN_DELTA_BASES: `smollm2=${'folder' in ladder ? ladder.folder : ''}`,
    });
    running = await fleet.gateway([personalThinker()], { ZEN_MAX_DELTA_BUILD: '1MiB' });
  });
  afterAll(() => fleet.close());

  const call = (method: string, path: string, headers: Record<string, string> = {}, body?: Buffer) =>
    fetch(`${running.url}/v1/deltas/builds${path}`, {
      method,
      headers: { authorization: `Bearer ${keyOf('acme')}`, ...headers },
      ...(body ? { body: new Uint8Array(body) } : {}),
    });
  const start = (query: Record<string, string>, file: Buffer) =>
    call('POST', `?${new URLSearchParams(query)}`, { 'content-type': 'application/octet-stream' }, file);
  const spec = { base: 'smollm2', recipe: 'lora16', adapter_config: CONFIG, alias: 'built' };

  test('an adapter becomes a delta with a name; its progress comes as events', async () => {
    const started = await start(spec, ADAPTER);
    expect(started.status).toBe(202);
    const { id, object } = (await started.json()) as Json;
    expect(object).toBe('delta.build');
    const events = await eventsOf(await call('GET', `/${id}`, { accept: 'text/event-stream' }));
    expect(events.at(-1)).toBe('[DONE]');
    const last = JSON.parse(events.at(-2) ?? '{}');
    expect(last).toMatchObject({ id, status: 'succeeded', progress: 1, delta: { recipe: 'lora16' } });
    const alias = await fetch(`${running.url}/v1/deltas/aliases/built`, {
      headers: { authorization: `Bearer ${keyOf('acme')}` },
    });
    expect(await alias.json()).toMatchObject({ digest: last.delta.id });
    // The same input is the same build.
    expect(await (await start(spec, ADAPTER)).json()).toMatchObject({ id, status: 'succeeded' });
    expect(await (await call('GET', '')).json()).toMatchObject({ object: 'list', data: [{ id }] });
  });

  test('what is no file is refused at once, and what fits no model ends as failed and says why', async () => {
    const garbage = await start({ ...spec, alias: 'never' }, Buffer.from('not safetensors at all'));
    expect(garbage.status).toBe(400);
    const other = Buffer.from(safetensors([tensor('lora_A', [4, 100]), tensor('lora_B', [192, 4])]));
    const started = await start({ ...spec, alias: 'never' }, other);
    const { id } = (await started.json()) as Json;
    const events = await eventsOf(await call('GET', `/${id}`, { accept: 'text/event-stream' }));
    expect(JSON.parse(events.at(-2) ?? '{}')).toMatchObject({
      status: 'failed',
      detail: expect.stringMatching(/./),
      delta: null,
    });
  });

  test('an unknown base, an unknown build and too large a file are refused by name', async () => {
    const refused = async (response: Response) => [response.status, ((await response.json()) as Json).error];
    expect(await refused(await start({ ...spec, base: 'gpt' }, ADAPTER))).toEqual([
      400,
      expect.objectContaining({ code: 'invalid_request', param: 'base' }),
    ]);
    const nobody = 'ab'.repeat(16);
    for (const response of [await call('GET', `/${nobody}`), await call('DELETE', `/${nobody}`)])
      expect(await refused(response)).toEqual([404, expect.objectContaining({ param: 'id' })]);
    expect(await refused(await start(spec, Buffer.alloc(2 ** 20 + 1)))).toEqual([
      413,
      expect.objectContaining({ code: 'body_too_large' }),
    ]);
  });
});
