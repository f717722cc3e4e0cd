import type { CodedRung, ExactRung, LadderConfig, RawRung } from './ladder-config';
import { LadderError } from './ladder-error';
import type { ExpertShape } from './source-model';
import { SAMPLE_MIXTURE, SAMPLE_MODEL, sampleConfig } from './testing/sample-config';
import { parseConfig } from './validate-config';

const named = (config: LadderConfig, name: string) => config.tensors.find((tensor) => tensor.name === name)!;
const query = (config: LadderConfig) => named(config, 'blk.0.attn_q.weight');
const coded = (config: LadderConfig) => query(config).rungs[0] as CodedRung;
const exact = (config: LadderConfig) => query(config).rungs[1] as ExactRung;
const norm = (config: LadderConfig) => named(config, 'output_norm.weight').rungs[0] as RawRung;
const set = (object: object, name: string, value: unknown) => Object.assign(object, { [name]: value });

describe('parseConfig', () => {
  it('accepts a config whose sections follow from shapes', () => {
    expect(parseConfig(JSON.stringify(sampleConfig())).tensors.length).toBe(20);
  });

  const refusals: [string, (config: LadderConfig) => void, RegExp][] = [
    ['another format', (c) => set(c, 'format', 'zen.ladder/9'), /format must be one of zen.ladder\/1/],
    ['no layers', (c) => set(c.model, 'layers', 0), /model.layers must be a whole number from 1 to 1024/],
    ['too many layers', (c) => set(c.model, 'layers', 1e9), /model.layers/],
    ['heads that share nothing', (c) => set(c.model, 'heads', 3), /tensor|heads/],
    ['an infinite theta', (c) => set(c.model, 'ropeTheta', 'Infinity'), /model.ropeTheta/],
    ['a short hash', (c) => set(c.source, 'sha256', 'ab'), /source.sha256 must be 64/],
    ['four stages', (c) => c.stages.pop(), /stages must be a list of 5 to 5/],
    ['stages out of order', (c) => c.stages.reverse(), /stages\[0\].stage/],
    ['a negative blob', (c) => set(c.stages[1]!, 'bytes', -1), /stages\[1\].bytes/],
    ['quality out of range', (c) => set(c.stages[0]!, 'quality', { top1: 2 }), /stages\[0\].quality.top1/],
    ['a stage that cannot serve', (c) => set(c, 'minServable', 5), /minServable/],
    [
      'an unknown tensor',
      (c) => set(query(c), 'name', 'blk.9.attn_q.weight'),
      /blk.9.attn_q.weight does not belong/,
    ],
    ['a missing tensor', (c) => c.tensors.splice(3, 1), /is missing/],
    ['a tensor twice', (c) => c.tensors.push(query(c)), /must be listed once/],
    [
      'a wrong shape',
      (c) => set(query(c), 'shape', [64, 96]),
      /blk.0.attn_q.weight.shape must be \[64, 64\]/,
    ],
    ['an unknown type', (c) => set(query(c), 'sourceType', 'Q3_K'), /sourceType must be one of/],
    ['no rungs', (c) => set(query(c), 'rungs', []), /rungs must be a list of 1 to 5/],
    ['a first rung above 0', (c) => set(coded(c), 'stage', 1), /rungs\[0\].stage/],
    ['rungs out of order', (c) => set(exact(c), 'stage', 0), /rungs\[1\].stage/],
    [
      'a stage above 4',
      (c) => set(exact(c), 'stage', 5),
      /rungs\[1\].stage must be a whole number from 1 to 4/,
    ],
    ['an unknown kind', (c) => set(coded(c), 'kind', 'magic'), /kind must be one of/],
    ['an odd group', (c) => set(coded(c), 'group', 48), /group must be 32, 64 or 128/],
    ['planes of other width', (c) => set(coded(c), 'bits', 4), /planes must have 4 bits together, not 3/],
    ['a plane of 3 bits', (c) => set(coded(c).planes[0]!, 'width', 3), /width must be 1, 2, 4 or 8/],
    [
      'a plane of wrong size',
      (c) => set(coded(c).planes[0]!, 'bytes', 64),
      /bytes must be a whole number from 1024/,
    ],
    ['a section past its blob', (c) => set(coded(c).rowScale, 'offset', 2 ** 40), /rowScale.offset/],
    ['a crooked offset', (c) => set(norm(c).data, 'offset', 4), /offset must be a multiple of 64/],
    ['a section of a later stage', (c) => set(coded(c).groups, 'stage', 2), /groups.stage/],
    ['overlapping sections', (c) => set(norm(c).data, 'offset', 64), /overlaps .* in the blob of stage 0/],
    [
      'a residual over nothing',
      (c) => query(c).rungs.shift() && set(exact(c) ?? query(c).rungs[0]!, 'stage', 0),
      /residual needs a coded rung/,
    ],
    [
      'planes and residual',
      (c) => set(exact(c), 'planes', coded(c).planes),
      /planes must be a list of 0 to 0/,
    ],
    ['supers for Q4_1', (c) => set(exact(c), 'supers', exact(c).params), /supers must be null for Q4_1/],
    ['a raw type', (c) => set(norm(c), 'dtype', 'F64'), /dtype must be one of/],
  ];
  it.each(refusals)('refuses %s', (_name, change, message) => {
    const config = sampleConfig();
    change(config);
    expect(() => parseConfig(JSON.stringify(config))).toThrow(message);
    expect(() => parseConfig(JSON.stringify(config))).toThrow(LadderError);
  });

  it('accepts a mixture of experts and lists its tensors expert by expert', () => {
    const { tensors } = parseConfig(JSON.stringify(sampleConfig(SAMPLE_MIXTURE)));
    const names = tensors.map(({ name }) => name).filter((name) => name.startsWith('blk.0.ffn_'));
    expect(names.slice(0, 8).map((name) => name.slice(6, -7))).toEqual([
      'ffn_norm',
      'ffn_gate_inp',
      'ffn_gate.0',
      'ffn_up.0',
      'ffn_down.0',
      'ffn_gate.1',
      'ffn_up.1',
      'ffn_down.1',
    ]);
    expect(names.slice(-4).map((name) => name.slice(6, -7))).toEqual([
      'ffn_gate_inp_shexp',
      'ffn_gate_shexp',
      'ffn_up_shexp',
      'ffn_down_shexp',
    ]);
  });

  const router = (config: LadderConfig) => named(config, 'blk.0.ffn_gate_inp.weight').rungs[0] as RawRung;
  const mixtures: [string, (config: LadderConfig, experts: ExpertShape) => unknown, RegExp][] = [
    ['no shape', (c) => set(c.model, 'experts', null), /model.experts must be an object/],
    [
      'one expert',
      (_c, e) => set(e, 'count', 1),
      /model.experts.count must be a whole number from 2 to 1024/,
    ],
    [
      'more tensors than a ladder can list',
      (c, e) => set(e, 'count', 200) && set(c.model, 'layers', 1024),
      /model.experts.count must be at most 15 where there are 1024 layers/,
    ],
    [
      'no expert for a token',
      (_c, e) => set(e, 'perToken', 0),
      /perToken must be a whole number from 1 to 4/,
    ],
    ['more for a token than there are', (_c, e) => set(e, 'perToken', 5), /perToken .* from 1 to 4/],
    ['a number for a flag', (_c, e) => set(e, 'normalized', 1), /experts.normalized must be true or false/],
    ['a narrow shared expert', (_c, e) => set(e, 'sharedFfnSize', 31), /sharedFfnSize must be 0 or at least/],
    ['a shared expert of text', (_c, e) => set(e, 'sharedFfnSize', '64'), /sharedFfnSize must be a whole/],
    ['fewer experts than tensors', (_c, e) => set(e, 'count', 3), /tensor blk.0.ffn_gate_inp.weight.shape/],
    [
      'more experts than tensors',
      (c, e) => {
        set(e, 'count', 5);
        for (const layer of [0, 1]) {
          const tensor = named(c, `blk.${layer}.ffn_gate_inp.weight`);
          set(tensor, 'shape', [5, 64]);
          set(tensor, 'rungs', [
            { ...tensor.rungs[0]!, dtype: 'F32', data: { stage: 0, offset: 0, bytes: 1280 } },
          ]);
        }
      },
      /tensor blk.0.ffn_gate.4.weight is missing/,
    ],
    ['no shared expert', (_c, e) => set(e, 'sharedFfnSize', 0), /ffn_gate_inp_shexp.weight does not belong/],
    [
      'a router of 16 bits',
      (c) => set(router(c), 'dtype', 'F16') && set(router(c).data, 'bytes', 512),
      /blk.0.ffn_gate_inp.weight.rungs\[0\] must be raw F32/,
    ],
    [
      'experts in a dense model',
      (c) => set(c.model, 'experts', undefined),
      /blk.0.ffn_gate_inp.weight does not/,
    ],
  ];
  it.each(mixtures)('refuses a mixture with %s', (_name, change, message) => {
    const config = structuredClone(sampleConfig(SAMPLE_MIXTURE));
    change(config, config.model.experts!);
    expect(() => parseConfig(JSON.stringify(config))).toThrow(message);
    expect(() => parseConfig(JSON.stringify(config))).toThrow(LadderError);
  });

  it("accepts codes that are another tensor's, and nothing else that is", () => {
    const shared = () => {
      const config = sampleConfig({ ...SAMPLE_MODEL, tiedEmbeddings: false });
      const own = named(config, 'output.weight').rungs[0] as CodedRung;
      const rung = { ...structuredClone(own), like: 'output.weight' };
      named(config, 'token_embd.weight').rungs[0] = rung;
      return { config, rung };
    };
    const refusal = (change: (made: ReturnType<typeof shared>) => unknown) => {
      const made = shared();
      change(made);
      return () => parseConfig(JSON.stringify(made.config));
    };
    const at = 'tensor token_embd.weight.rungs[0]';
    expect(refusal(() => {})).not.toThrow();
    expect(refusal(({ rung }) => set(rung, 'like', undefined))).toThrow(/overlaps/);
    expect(refusal(({ rung }) => set(rung, 'like', 'output.bias'))).toThrow(`${at} must name the sections`);
    expect(refusal(({ rung }) => set(rung, 'like', 'token_embd.weight'))).toThrow(`${at} must name`);
    expect(refusal(({ rung }) => set(rung, 'like', 7))).toThrow(`${at}.like must be a text`);
    expect(refusal(({ rung }) => set(rung.rowScale, 'offset', 0))).toThrow(`${at} must name the sections`);
    expect(refusal(({ rung }) => set(rung.planes[0]!, 'offset', 2 ** 40))).toThrow(/offset must be/);
  });

  it('refuses what is no JSON object', () => {
    for (const text of ['', '[]', 'null', '1', '{"format":', '"x"']) {
      expect(() => parseConfig(text)).toThrow(LadderError);
    }
  });

  it('survives random damage with a named refusal or a valid reading', () => {
    const text = JSON.stringify(sampleConfig());
    let seed = 1;
    const next = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 500; round++) {
      const at = next(text.length);
      const damaged = text.slice(0, at) + String.fromCharCode(32 + next(95)) + text.slice(at + 1);
      try {
        parseConfig(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(LadderError);
      }
    }
  });
});
