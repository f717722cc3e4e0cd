import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadQuant } from '@zen/engine';
import {
  CODING_DEFAULTS,
  expertOf,
  LadderReader,
  openLadder,
  packLadder,
  ReferenceModel,
  sectionsOf,
  verifyLadder,
} from '@zen/ladder';
import { packTinyMixture, tinyMixtureSource } from './tiny-mixture';

jest.setTimeout(120_000);

const folder = mkdtempSync(join(tmpdir(), 'zen-tiny-mixture-'));
afterAll(() => rmSync(folder, { recursive: true }));

const signal = new AbortController().signal;
const sequences = [0, 1].map((seed) => Int32Array.from({ length: 64 }, (_, i) => (i * 37 + seed * 11) % 500));

/** A source packed with everything that the full plan does. */
async function packed(name: string, options: Parameters<typeof tinyMixtureSource>[0]) {
  const quant = loadQuant();
  const target = join(folder, name);
  await packLadder(tinyMixtureSource(options), {
    quant,
    folder: target,
    plan: { bits: 3, group: 64, embeddingBits: 5 },
    coding: { ...CODING_DEFAULTS, rounds: 1, calibration: sequences },
    sensitivity: sequences,
    progress: () => {},
    signal,
  });
  return openLadder(target);
}

/** Mean of squared distances of a stage's last states from the top stage's. */
async function damage(ladder: Awaited<ReturnType<typeof openLadder>>, stage: number): Promise<number> {
  const quant = loadQuant();
  const reader = await LadderReader.open(quant, ladder);
  try {
    const at = (each: number) =>
      new ReferenceModel(quant, ladder.config.model, reader.at(each)).forward(sequences);
    const [found, top] = [await at(stage), await at(4)];
    return top.reduce((sum, value, i) => sum + (value - found[i]!) ** 2, 0) / top.length;
  } finally {
    await reader.close();
  }
}

describe('a calibrated ladder of a mixture', () => {
  it("is the source's own at the top, and closer to it below than plain rounding is", async () => {
    const options = { experts: { sharedFfnSize: 64 } };
    const ladder = await packed('calibrated', options);
    const checked = await verifyLadder(ladder, { quant: loadQuant(), progress: () => {}, signal });
    expect(checked.tensors).toBe(ladder.config.tensors.length);
    const plain = await packTinyMixture(join(folder, 'plain'), options);
    expect(await damage(ladder, 0)).toBeLessThan(await damage(plain, 0));
    expect(await damage(ladder, 3)).toBeLessThan(await damage(ladder, 0));
  });

  it('lays every expert of a layer out in one piece of each stage', async () => {
    const { config } = await packTinyMixture(join(folder, 'layout'));
    for (let stage = 0; stage < 5; stage++) {
      const owners = config.tensors
        .flatMap(({ name, rungs }) =>
          rungs.flatMap(sectionsOf).map((section) => ({ ...section, owner: expertOf(name) })),
        )
        .filter((section) => section.stage === stage)
        .sort((a, b) => a.offset - b.offset)
        .map(({ owner }) => owner && `${owner.layer}.${owner.expert}`)
        .filter((owner, index, all) => owner !== null && owner !== all[index - 1]);
      expect(owners).toEqual([...new Set(owners)]);
    }
  });
});
