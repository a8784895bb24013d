import type { Leases } from "../../src/training/mod.ts";

/** Leases for ranks of this process: one part at a time, to each rank in turn. */
export function leasesInMemory(size: number): Leases[] {
  return Array.from({ length: size }, (_, rank) => ({
    regrouped: false,
    begin(parts) {
      let part = rank - size;
      return {
        next() {
          part += size;
          const lease: [number, number] = [part, part + 1];
          return Promise.resolve(part < parts ? lease : undefined);
        },
      };
    },
  }));
}
