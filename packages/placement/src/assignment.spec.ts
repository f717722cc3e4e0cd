import { bestAssignment } from './assignment';
import { seeded } from './seeded.fixture';

/** By trying all. */
function bestSum(values: number[][], row = 0, used = new Set<number>()): number {
  if (row === values.length) return 0;
  return Math.max(
    ...values[row]!.flatMap((value, column) =>
      used.has(column) ? [] : [value + bestSum(values, row + 1, new Set([...used, column]))],
    ),
  );
}

test.each([0, 1, 2, 3, 4, 5, 6])('%i rows: nobody could do better', (n) => {
  const random = seeded(n);
  for (let round = 0; round < 20; round++) {
    const values = Array.from({ length: n }, () => Array.from({ length: n }, () => Math.floor(random() * 8)));
    const columns = bestAssignment(values);
    expect(new Set(columns).size).toBe(n);
    const sum = columns.reduce((total, column, row) => total + values[row]![column]!, 0);
    expect(sum).toBe(bestSum(values));
  }
});
