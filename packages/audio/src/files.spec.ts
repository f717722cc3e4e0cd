import { decoded, fixture, loudest, purity } from './decoded.fixture';

// fixtures/make.sh: half a second of 440 Hz at half of full scale.
const FILES: [name: string, seconds: number][] = [
  ['extensible-24.wav', 0.5],
  ['float.wav', 0.5],
  ['mulaw.wav', 0.5],
  ['alaw.wav', 0.5],
  ['mono-24000.opus', 0.5],
  ['stereo-44100.opus', 0.5],
  ['vbr-44100.mp3', 0.5],
  ['cbr-16000.mp3', 0.5],
  ['cbr-24000.mp3', 0.5],
  ['cbr-44100.mp3', 0.5],
  ['cbr-48000.mp3', 0.5],
  // Nobody says what its encoder added.
  ['no-info-8000.mp3', 0.648],
];

test.each(FILES)('%s is the tone that it was made of, as long as it was', (name, seconds) => {
  const bytes = fixture(name);
  for (const rate of [16_000, 24_000]) {
    const samples = decoded(bytes, { rate });
    expect(samples).toHaveLength(Math.ceil(seconds * rate));
    expect(loudest(samples)).toBeGreaterThan(0.45);
    expect(loudest(samples)).toBeLessThan(0.6);
    const from = Math.round((seconds - 0.5) * rate);
    expect(purity(samples.subarray(from), 440, rate)).toBeGreaterThan(0.97);
  }
});

test.each(FILES)('%s is the same however it is cut', (name) => {
  const bytes = fixture(name);
  const whole = decoded(bytes, { cut: bytes.length });
  for (const cut of [7, 333]) expect(decoded(bytes, { cut })).toEqual(whole);
});
