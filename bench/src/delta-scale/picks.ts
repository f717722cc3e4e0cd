/** Which of `count` things is used next, by a law; `random` gives numbers in [0, 1). */
export type Pick = () => number;

export function uniform(count: number, random: () => number): Pick {
  return () => Math.floor(random() * count);
}

/**
 * Zipf's law with an exponent: the k-th most used is used 1/k^exponent as often as the first. Which thing has which
 * rank is shuffled by a step that shares no factor with `count`, so that tenants mix.
 */
export function zipf(count: number, exponent: number, random: () => number): Pick {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    upTo[rank] = sum;
  }
  const step = coprime(count);
  return () => {
    const at = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return (low * step) % count;
  };
}

/** Near the golden share of `count`, so that neighbours end up far apart. */
function coprime(count: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  let step = Math.max(1, Math.round(count * 0.618));
  while (gcd(step, count) !== 1) step++;
  return step;
}
