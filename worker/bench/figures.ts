// Figures from many rounds, and how they are shown: medians over rounds, with the least and the most.

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** By the nearest rank. */
export function quantile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
  if (value === undefined) throw new Error('no values');
  return value;
}

/**
 * The median of times by a clock that counts whole milliseconds: a value stands for all from half a millisecond below to
 * half a one above, since where in a millisecond a time began is chance.
 */
export function medianOfWholeMs(values: number[]): number {
  const middle = quantile(values, 0.5);
  const below = values.filter((value) => value < middle).length;
  const same = values.filter((value) => value === middle).length;
  return middle - 0.5 + (values.length / 2 - below) / same;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error('no values');
  return (low + high) / 2;
}

export function spread(values: number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Three significant digits are more than these figures are worth. */
export function shown(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

export function shownSpread({ median, min, max }: Spread): string {
  return `${shown(median)} (${shown(min)}–${shown(max)})`;
}

/** Runs the list in another order each round, so that none always comes after the same. */
export function rotated<T>(list: readonly T[], round: number): T[] {
  const at = round % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

/** Collects values by key, in the order in which the keys first came. */
export class Collected {
  readonly #values = new Map<string, number[]>();

  add(key: string, ...values: number[]): void {
    const list = this.#values.get(key);
    if (list === undefined) this.#values.set(key, [...values]);
    else list.push(...values);
  }

  of(key: string): number[] {
    const values = this.#values.get(key);
    if (values === undefined) throw new Error(`nothing was measured of ${key}`);
    return values;
  }
}
