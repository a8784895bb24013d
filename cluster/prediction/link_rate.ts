import { ConfigError } from "../../src/env/mod.ts";

/** How gradients travel between ranks. */
export const TRANSPORTS = ["direct", "nats", "central"] as const;
/**
 * `direct`: a connection from rank to rank. `nats`: a server on every node, so
 * that a message crosses one route. `central`: one server for all, on the node of
 * the first ranks, as launchers start it.
 */
export type Transport = typeof TRANSPORTS[number];

/** A message of b bytes takes alphaMs + b / bytesPerMs. */
export interface LinkRate {
  readonly alphaMs: number;
  readonly bytesPerMs: number;
}

/**
 * What a rank's process moves at most, whatever the network: measured on loopback
 * with two cores (`bench collectives`), so a floor for nodes with spare cores.
 */
const HOST: Readonly<Record<Transport, LinkRate>> = {
  direct: { alphaMs: 0.15, bytesPerMs: 1.4e6 },
  nats: { alphaMs: 0.4, bytesPerMs: 0.5e6 },
  central: { alphaMs: 0.3, bytesPerMs: 1.0e6 },
};

/** Share of a network's nominal rate that TCP carries. */
const TCP_SHARE = 0.92;

/** A transport over a network of `bitsPerSecond`. */
export function linkRate(
  transport: Transport,
  bitsPerSecond: number,
): LinkRate {
  const { alphaMs, bytesPerMs } = HOST[transport];
  return {
    alphaMs,
    bytesPerMs: Math.min(bytesPerMs, TCP_SHARE * bitsPerSecond / 8000),
  };
}

const UNITS: Readonly<Record<string, number>> = {
  bit: 1,
  kbit: 1e3,
  Mbit: 1e6,
  Gbit: 1e9,
  Tbit: 1e12,
};

/**
 * Bits per second of a text such as `25Gbit`.
 *
 * @throws {ConfigError} If it is no rate.
 */
export function parseBitRate(text: string): number {
  const found = /^(\d+(?:\.\d+)?)\s*([kMGT]?bit)(?:\/s|ps)?$/.exec(text);
  const rate = found === null ? NaN : Number(found[1]) * UNITS[found[2]!]!;
  if (!(rate > 0)) {
    throw new ConfigError(`Cannot use a link of "${text}": it is no rate`, {
      hint: "rates look like 10Gbit, 25Gbit or 900Mbit",
    });
  }
  return rate;
}
