import { canonicalJson } from './canonical-json';
import { DeltaCheck } from './delta-check';
import { DeltaError, type DeltaFailure } from './delta-error';
import { readDelta, writeDelta } from './delta-file';
import { deltaParts } from './delta-parts';
import { deltaDigest } from './digest';
import { toHalf } from './float16';
import { RECIPES } from './modules';
import { parseManifest } from './parse-manifest';
import { random, SAMPLE_BASE, SAMPLE_MODEL, type SampleOptions, sampleParts } from './sample-delta.fixture';

const content = (options: SampleOptions) => ({
  base: SAMPLE_BASE,
  recipe: options.recipe,
  model: options.model ?? SAMPLE_MODEL,
  parts: sampleParts(options),
});

/** What reading ends with. */
function failureOf(read: () => unknown): DeltaFailure | 'accepted' {
  try {
    read();
    return 'accepted';
  } catch (error) {
    if (error instanceof DeltaError) return error.failure;
    throw error;
  }
}

describe.each(RECIPES)('a %s delta', (recipe) => {
  test('is read as it was written, whatever it holds', () => {
    const next = random(7);
    for (let seed = 1; seed <= 12; seed++) {
      const layers = [0, 1, 2].filter(() => next() < 0.6);
      const written = content({ recipe, seed, layers: layers.length ? layers : [1], rank: 1 + (seed % 5) });
      const { file, digest } = writeDelta(written);
      const read = readDelta(file);
      expect(read.digest).toBe(digest);
      const parts = deltaParts(read.manifest, read.data);
      expect(parts).toEqual(written.parts.map((part) => ({ ...part })));
      expect(writeDelta({ ...written, parts }).file.equals(file)).toBe(true);
    }
  });

  test('the same bytes have the same id, whatever the order of the parts; other bytes have another', () => {
    const one = content({ recipe });
    const { digest } = writeDelta(one);
    expect(writeDelta({ ...one, parts: [...one.parts].reverse() }).digest).toBe(digest);
    expect(writeDelta(content({ recipe, seed: 2 })).digest).not.toBe(digest);
    expect(writeDelta({ ...one, base: `sha256:${'0'.repeat(64)}` }).digest).not.toBe(digest);
  });

  test('one flipped bit anywhere is refused', () => {
    const { file, digest } = writeDelta(content({ recipe, modules: ['q'], layers: [1] }));
    for (let bit = 0; bit < file.length * 8; bit++) {
      file[bit >> 3]! ^= 1 << (bit & 7);
      expect(failureOf(() => readDelta(file, { digest }))).not.toBe('accepted');
      file[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(failureOf(() => readDelta(file, { digest }))).toBe('accepted');
  });

  test('every shorter and longer file is refused', () => {
    const { file } = writeDelta(content({ recipe, modules: ['q'], layers: [1] }));
    for (let length = 0; length < file.length; length++) {
      expect(failureOf(() => readDelta(file.subarray(0, length)))).not.toBe('accepted');
    }
    expect(failureOf(() => readDelta(Buffer.concat([file, Buffer.alloc(1)])))).toBe('wrong-shape');
  });

  test('pieces of any size give the same result as the whole', () => {
    const { file, digest } = writeDelta(content({ recipe }));
    for (const size of [1, 3, 17, 4096]) {
      const check = new DeltaCheck();
      for (let at = 0; at < file.length; at += size) check.push(file.subarray(at, at + size));
      expect(check.end().digest).toBe(digest);
    }
  });
});

test('random damage never gives anything but a DeltaError', () => {
  const next = random(3);
  for (let round = 0; round < 3000; round++) {
    const recipe = RECIPES[round % RECIPES.length]!;
    const file = Buffer.from(writeDelta(content({ recipe, modules: ['q'], layers: [round % 3] })).file);
    const header = 8 + Number(file.readBigUInt64LE());
    for (let hits = 0; hits < 1 + (round % 4); hits++) {
      const within = next() < 0.8 ? header : file.length;
      file[Math.floor(next() * within)] = Math.floor(next() * 256);
    }
    expect([...failures(file)]).toEqual([]);
  }
});

function* failures(file: Buffer) {
  try {
    readDelta(file);
  } catch (error) {
    if (!(error instanceof DeltaError)) yield error;
  }
}

describe('refused, each by its name', () => {
  const rewrite = (options: SampleOptions, change: (manifest: Record<string, never>) => void) => {
    const { file, manifest, dataOffset } = writeDelta(content(options));
    const changed = structuredClone(manifest) as unknown as Record<string, never>;
    change(changed);
    return withHeader(canonicalJson(changed), file.subarray(dataOffset), file);
  };
  /** The old table with another manifest: what a writer of another mind would send. */
  const withHeader = (text: string, data: Uint8Array, file: Buffer) => {
    const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
    header.__metadata__.manifest = text;
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json, data]);
  };
  const vec = { recipe: 'vec' } as const;
  // biome-ignore lint/suspicious/noExplicitAny: fields of a manifest that is wrong on purpose
  type Anything = any;
  const manifests: [string, DeltaFailure, (manifest: Anything) => void][] = [
    [
      'another schema',
      'invalid',
      (m) => {
        m.schema = 'zen.delta/2';
      },
    ],
    [
      'a base that is no digest',
      'invalid',
      (m) => {
        m.base = 'sha256:xyz';
      },
    ],
    [
      'an unknown recipe',
      'invalid',
      (m) => {
        m.recipe = 'magic';
      },
    ],
    [
      'an unknown field',
      'invalid',
      (m) => {
        m.tenant = 'a';
      },
    ],
    [
      'an unknown module',
      'unknown-module',
      (m) => {
        m.parts.head = m.parts.q;
      },
    ],
    [
      'no part',
      'zero-coverage',
      (m) => {
        m.parts = {};
      },
    ],
    [
      'no layer',
      'zero-coverage',
      (m) => {
        m.parts.q.layers = [];
      },
    ],
    [
      'a layer that the model does not have',
      'wrong-shape',
      (m) => {
        m.parts.q.layers = [0, 3];
      },
    ],
    [
      'layers out of order',
      'wrong-shape',
      (m) => {
        m.parts.q.layers = [2, 0];
      },
    ],
    [
      'other rows than the model has',
      'wrong-shape',
      (m) => {
        m.parts.q.out = 19;
      },
    ],
    [
      'other sizes than the parts have',
      'wrong-shape',
      (m) => {
        m.data.bytes -= 2;
      },
    ],
    [
      'another form than the recipe has',
      'invalid',
      (m) => {
        m.parts.q.form = 'lora1';
      },
    ],
    [
      'another bit order',
      'invalid',
      (m) => {
        m.bitOrder = 'msb';
      },
    ],
    [
      'a model without bounds',
      'invalid',
      (m) => {
        m.model.ffn = 2 ** 40;
      },
    ],
    [
      'another table than follows from it',
      'not-canonical',
      (m) => {
        m.parts.q.layers = [0, 1];
      },
    ],
  ];
  test.each(manifests)('%s', (_, failure, change) => {
    expect(failureOf(() => readDelta(rewrite(vec, change)))).toBe(failure);
  });

  test('a manifest with spaces, with unsorted keys, or padded otherwise', () => {
    const { file, manifest, dataOffset } = writeDelta(content(vec));
    const data = file.subarray(dataOffset);
    const spaced = withHeader(JSON.stringify(manifest, null, 1), data, file);
    expect(failureOf(() => readDelta(spaced))).toBe('not-canonical');
    const unsorted = withHeader(JSON.stringify(manifest), data, file);
    expect(failureOf(() => readDelta(unsorted))).toBe('not-canonical');
    const padded = Buffer.concat([file.subarray(0, dataOffset), Buffer.alloc(8, ' '), data]);
    padded.writeBigUInt64LE(BigInt(dataOffset));
    expect(failureOf(() => readDelta(padded))).toBe('not-canonical');
  });

  test('a manifest that says the same in other bytes', () => {
    const { manifest, manifestBytes } = writeDelta(content(vec));
    const text = Buffer.from(manifestBytes).toString();
    expect(parseManifest(manifestBytes)).toEqual(manifest);
    const others = [
      JSON.stringify(manifest),
      `${text} `,
      text.replace('"lsb"', '"\\u006csb"'),
      text.replace('"signOfZero":1', '"signOfZero":1.0'),
      text.replace('{', '{"recipe":"vec",'),
    ];
    for (const other of others) {
      expect(failureOf(() => parseManifest(Buffer.from(other)))).toBe('not-canonical');
    }
  });

  test('a header longer than any', () => {
    const file = Buffer.alloc(64, ' ');
    for (const length of [0n, 1n, 256n * 1024n + 1n, 2n ** 63n]) {
      file.writeBigUInt64LE(length);
      expect(failureOf(() => readDelta(file))).toBe('too-large');
    }
  });

  test('more data than the reader takes', () => {
    const { file, manifest } = writeDelta(content(vec));
    const { bytes } = manifest.data;
    expect(failureOf(() => readDelta(file, { dataBytes: bytes - 1 }))).toBe('too-large');
    expect(failureOf(() => readDelta(file, { dataBytes: bytes }))).toBe('accepted');
  });

  test.each(['lora16', 'lora1', 'dense1', 'vec'] as const)('a number that is not finite in %s', (recipe) => {
    for (const bits of [0x7f80, 0x7f81, 0xff80, 0x7fff]) {
      const wrong = content({ recipe, modules: ['k'] });
      const part = wrong.parts[0] as Anything;
      (part.scales ?? part.v ?? part.b)[1] = bits;
      expect(failureOf(() => writeDelta(wrong))).toBe('non-finite');
    }
  });

  test('bits behind the end of a row', () => {
    for (const recipe of ['dense1', 'lora1'] as const) {
      const wrong = content({ recipe, modules: ['q'] });
      const part = wrong.parts[0] as Anything;
      const bits = part.signs ?? part.a;
      bits[5] |= 0x80; // 20 columns: bits 4 to 7 of every third byte are behind the end
      expect(failureOf(() => writeDelta(wrong))).toBe('padding');
    }
  });

  test('scales that are all zero', () => {
    for (const recipe of ['dense1', 'lora1', 'lora16', 'vec'] as const) {
      const wrong = content({ recipe, modules: ['q'] });
      const part = wrong.parts[0] as Anything;
      (part.scales ?? part.v ?? part.b).fill(0);
      expect(failureOf(() => writeDelta(wrong))).toBe('zero-coverage');
      (part.scales ?? part.v ?? part.b)[0] = toHalf(0.5);
      expect(failureOf(() => writeDelta(wrong))).toBe('accepted');
    }
  });

  test('arrays of another size, and two parts for one module', () => {
    const wrong = content({ recipe: 'vec', modules: ['q'] });
    expect(failureOf(() => writeDelta({ ...wrong, parts: [...wrong.parts, ...wrong.parts] }))).toBe(
      'invalid',
    );
    (wrong.parts[0] as Anything).v = new Uint16Array(3);
    expect(failureOf(() => writeDelta(wrong))).toBe('wrong-shape');
  });

  test('a module that the recipe does not cover', () => {
    expect(failureOf(() => writeDelta(content({ recipe: 'attn1', modules: ['up'] })))).toBe('unknown-module');
  });

  test('data with another digest', () => {
    const { file } = writeDelta(content(vec));
    file[file.length - 2]! ^= 1;
    expect(failureOf(() => readDelta(file))).toBe('digest-mismatch');
  });
});

test('the digest is that of the canonical manifest', () => {
  const { digest, manifest, manifestBytes } = writeDelta(content({ recipe: 'lora1' }));
  expect(Buffer.from(manifestBytes).toString()).toBe(canonicalJson(manifest));
  expect(digest).toBe(deltaDigest(manifestBytes));
});
