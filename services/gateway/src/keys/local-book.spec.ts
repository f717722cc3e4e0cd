import { LocalBook } from '@zen/admission';
import { limitBookConformance } from './limit-book.fixture';

let nowMs = 0;
const book = new LocalBook(() => nowMs);

limitBookConformance('a process by itself', () => ({
  book,
  pass: async (ms) => {
    nowMs += ms;
  },
}));
