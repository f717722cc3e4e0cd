import { fromPcm16, levelOf, pcmFromBase64, pcmToBase64, toPcm16 } from './pcm';

test('samples become 16 bits and come back', () => {
  const pcm = toPcm16(Float32Array.of(0, 1, -1, 0.5, 2, -7));
  expect([...pcm]).toEqual([0, 32_767, -32_768, 16_384, 32_767, -32_768]);
  expect([...fromPcm16(Int16Array.of(0, 16_384, -32_768))]).toEqual([0, 0.5, -1]);
});

test('base64 is that of the bytes, lowest first', () => {
  const pcm = Int16Array.of(1, -2, 32_767, -32_768, 258);
  // Bytes 01 00 fe ff ff 7f 00 80 02 01.
  expect(pcmToBase64(pcm)).toBe('AQD+//9/AIACAQ==');
  expect(pcmFromBase64(pcmToBase64(pcm))).toEqual(pcm);
  expect(pcmFromBase64('AQAJ')).toEqual(Int16Array.of(1));
  expect(() => pcmFromBase64('§')).toThrow();
});

test('the level is 0 in silence, 1 at full scale, and half in between in decibels', () => {
  expect(levelOf(new Int16Array(480))).toBe(0);
  expect(levelOf(new Int16Array(480).fill(-32_768))).toBeCloseTo(1, 5);
  expect(levelOf(new Int16Array(480).fill(1036))).toBeCloseTo(0.5, 2);
  expect(levelOf(new Int16Array(480).fill(3))).toBe(0);
  expect(levelOf(new Int16Array(0))).toBe(0);
});
