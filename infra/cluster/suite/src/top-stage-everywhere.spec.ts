import { hasTopStage } from './top-stage-everywhere';

const fetching =
  '{"level":"info","service":"thinker","stage":4,"bytesPresent":9,"bytes":10,"msg":"fetching"}';
const attached = (stage: number) =>
  `{"level":"info","service":"thinker","stage":${stage},"elapsedMs":12,"msg":"stage attached"}`;

it('does not take a thinker that still fetches its top stage for one that has it', () => {
  expect(hasTopStage([attached(0), attached(3), fetching].join('\n'))).toBe(false);
});

it('knows a thinker that has its top stage', () => {
  expect(hasTopStage([attached(3), fetching, attached(4), '{"msg":"answered"}'].join('\n'))).toBe(true);
});
