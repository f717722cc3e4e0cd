/** Does jobs 0 to `count` − 1 with so many at once; rejects with the first that fails. Milliseconds of each, and of all. */
export async function sideBySide(
  count: number,
  width: number,
  job: (index: number) => Promise<void>,
): Promise<{ eachMs: number[]; allMs: number }> {
  const eachMs: number[] = [];
  const startedMs = performance.now();
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) {
      const beganMs = performance.now();
      await job(index);
      eachMs.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return { eachMs, allMs: performance.now() - startedMs };
}
