import { fromBfloat, fromHalf, toBfloat, toHalf } from './float16';

test('every half comes back as itself', () => {
  for (let bits = 0; bits < 65_536; bits++) {
    if ((bits & 0x7c00) === 0x7c00 && (bits & 1023) !== 0) continue;
    expect(toHalf(fromHalf(bits))).toBe(bits);
  }
});

test('a number between two halves goes to the nearer one, and from the middle to the even one', () => {
  for (let bits = 0; bits < 0x7bff; bits += 7) {
    const [low, high] = [fromHalf(bits), fromHalf(bits + 1)];
    expect(toHalf(low + (high - low) * 0.49)).toBe(bits);
    expect(toHalf(low + (high - low) * 0.51)).toBe(bits + 1);
    expect(toHalf((low + high) / 2)).toBe(bits + (bits & 1));
  }
  expect(toHalf(65_519)).toBe(0x7bff);
  expect(toHalf(65_520)).toBe(0x7c00);
});

test('bfloat16 keeps the top bits of a float32, rounded', () => {
  for (let bits = 0; bits < 0x7f80; bits++) expect(toBfloat(fromBfloat(bits))).toBe(bits);
  expect(fromBfloat(toBfloat(1.003))).toBe(1);
  expect(fromBfloat(toBfloat(-1.005))).toBe(-1.0078125);
});
