import { microphoneProblem } from './voice-problem';

test.each([
  ['NotAllowedError', /does not let this page use the microphone/],
  ['NotFoundError', /No microphone was found/],
  ['NotReadableError', /Another program may be using it/],
  ['StrangeError', /cannot be used \(StrangeError\)/],
])('%s in words', (name, words) => {
  expect(microphoneProblem(new DOMException('', name)).message).toMatch(words);
});
