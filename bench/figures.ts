/** Median and 95th percentile, in the unit of the samples. */
export function summarize(samples: readonly number[]): { median: number; p95: number } {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { median: at(0.5), p95: at(0.95) };
}

/** A ratio against the floor that was measured in the same run: machines are noisy, times alone say little. */
export function compare(name: string, floor: readonly number[], ours: readonly number[]): string {
  const [low, high] = [summarize(floor), summarize(ours)];
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return `${name}: ${(high.median / low.median).toFixed(2)} times the floor (median ${ms(high.median)} against ${ms(low.median)}, p95 ${ms(high.p95)} against ${ms(low.p95)}, ${ours.length} samples)`;
}
