import { ConfigError } from "../../src/env/mod.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
};

/** Sizes of the table: powers of 8 as nccl-tests has them, and what training sends. */
export const SIZES: readonly number[] = [
  8,
  64,
  512,
  ...[4, 32, 256].map((k) => k * 2 ** 10),
  ...[1, 2, 8, 16, 64, 88, 256].map((m) => m * 2 ** 20),
];

export const LARGEST = 2 ** 30;

/**
 * Bytes of "88M", "256K" or "8".
 *
 * @throws {ConfigError} If it is no size, or no whole number of f32 elements.
 */
export function parseSize(text: string): number {
  const match = /^(\d+)([BKMG]?)(?:i?B)?$/i.exec(text);
  const bytes = match === null
    ? NaN
    : Number(match[1]) * UNITS[match[2]!.toUpperCase()]!;
  if (!(bytes >= 8 && bytes <= LARGEST) || bytes % 4 !== 0) {
    throw new ConfigError(`Cannot use the size ${text}`, {
      hint: "a multiple of 4 from 8 B to 1 GB, such as 8, 64K or 88M",
    });
  }
  return bytes;
}

const RATE = /^(\d+(?:\.\d+)?)([MG])bit(?:\/s)?$/i;

/**
 * Bytes per second of "1Gbit" or "100Mbit"; decimal, as networks count.
 *
 * @throws {ConfigError} If it is no rate, or so slow that calls run into their deadline.
 */
export function parseRate(text: string): number {
  const [, count, unit] = RATE.exec(text) ?? [];
  const bits = Number(count) * (unit?.toUpperCase() === "G" ? 1e9 : 1e6);
  if (bits >= 10e6 && bits <= 100e9) return bits / 8;
  throw new ConfigError(`Cannot use the rate ${text}`, {
    hint: "from 10Mbit to 100Gbit, such as 1Gbit",
  });
}

/** "88 MB"; MB = 2^20. */
export function sizeName(bytes: number): string {
  for (const [unit, size] of [["MB", 2 ** 20], ["KB", 2 ** 10]] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size} ${unit}`;
  }
  return `${bytes} B`;
}

export const CALLS = [
  "all_reduce",
  "broadcast",
  "all_gather",
  "reduce_scatter",
  "barrier",
] as const;
export type CallName = typeof CALLS[number];

/**
 * Bus bandwidth over algorithm bandwidth: what each link of a ring carries, per
 * byte of the array (nccl-tests, doc/PERFORMANCE.md).
 */
export function busFactor(name: CallName, ranks: number): number {
  switch (name) {
    case "all_reduce":
      return 2 * (ranks - 1) / ranks;
    case "all_gather":
    case "reduce_scatter":
      return (ranks - 1) / ranks;
    case "broadcast":
      return 1;
    case "barrier":
      return 0;
  }
}

/** Bytes that all ranks together send, in a ring or chain. */
export function bytesMoved(name: CallName, ranks: number, bytes: number) {
  return name === "broadcast"
    ? (ranks - 1) * bytes
    : busFactor(name, ranks) * ranks * bytes;
}
