export { type PacedOptions, type PacedStage, PacedThinker } from './paced-thinker';
