import type { RecordedCosts, RecordedModel } from './recorded-costs';

/** In the proportions of a 4-bit source: stages of one model differ little, members much. */
function model(name: string, scale: number): RecordedModel {
  return {
    model: name,
    stages: [0, 1, 2, 3, 4].map((stage) => {
      const share = scale * (0.84 + 0.04 * stage);
      const decodeUs = [
        { sequences: 1, us: 44_000 * share },
        { sequences: 8, us: 100_000 * share },
        { sequences: 32, us: 290_000 * share },
      ];
      return {
        stage,
        servable: true,
        top1: [0.8, 0.84, 0.9, 0.95, 1][stage] ?? null,
        jsonValid: null,
        decodeUs,
        prefillUsPerToken: 6500 * share,
      };
    }),
  };
}

export const COSTS: RecordedCosts = {
  command: 'a fixture',
  commit: '0000000',
  machine: { cpu: 'none', cores: 2, loadAtStart: 0 },
  contention: 1.9,
  models: [model('big', 1), model('small', 0.3)],
};

export const MEMBERS = [
  { model: 'big', weight: 1 },
  { model: 'small', weight: 0.78 },
];
