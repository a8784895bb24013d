import type { Communicator, Leases } from "./communicator.ts";

/** Less work is divided in advance: so many parts a rank. */
const LEAST_PARTS = 4;

/** The leases for work of so many parts; none where it is divided in advance. */
export function leasesFor(
  { leases, size }: Communicator,
  parts: number,
): Leases | undefined {
  return parts >= LEAST_PARTS * size ? leases : undefined;
}
