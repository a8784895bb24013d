/**
 * A share as percent with one digit behind the point, `78.6` for 0.7855.
 *
 * Halves go away from 0 whatever the binary fraction is, so that equal figures look
 * equal however they were summed, and 4 of 2 000 images are always 0.2.
 */
export function percentDigits(share: number): string {
  const tenths = Math.round(1000 * Math.abs(share) + 1e-7);
  return `${share < 0 && tenths > 0 ? "-" : ""}${(tenths / 10).toFixed(1)}`;
}

/** The same with its sign: `78.6 %`. */
export function percent(share: number): string {
  return `${percentDigits(share)} %`;
}
