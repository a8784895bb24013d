import * as z from "zod";

/** A number from 0 to 1. */
export function fraction(value: number) {
  return z.number().min(0).max(1).default(value);
}

/** A number from 0 on. */
export function weight(value: number) {
  return z.number().min(0).default(value);
}

/** A whole number. */
export function count(
  value: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER } = {},
) {
  return z.int().min(min).max(max).default(value);
}

/** Yes or no. */
export function flag(value: boolean) {
  return z.boolean().default(value);
}
