import type { Clock, Disk } from "../../src/env/mod.ts";

export interface FenceOptions {
  clock: Clock;
  /** Less than the silence after which a rank is lost, in ms. */
  leaseMs: number;
  /** Resolves when the coordinator has said that the rank belongs to the run. */
  ask(): Promise<void>;
}

/**
 * A disk that changes only for a rank which is known to belong to its run. One that
 * was frozen may be out, and another may write in its place by now.
 */
export function fence(
  disk: Disk,
  { clock, leaseMs, ask }: FenceOptions,
): Disk {
  let asked = -Infinity;
  const pass = async () => {
    const now = clock.now();
    if (now - asked <= leaseMs) return;
    await ask();
    asked = now;
  };
  return {
    ...disk,
    async write(path, data) {
      await pass();
      await disk.write(path, data);
    },
    async append(path, text) {
      await pass();
      await disk.append(path, text);
    },
    async lock(path) {
      await pass();
      return await disk.lock(path);
    },
    async truncate(path, size) {
      await pass();
      await disk.truncate(path, size);
    },
    async makeFolder(path) {
      await pass();
      await disk.makeFolder(path);
    },
    async rename(from, to) {
      await pass();
      await disk.rename(from, to);
    },
    async remove(path) {
      await pass();
      await disk.remove(path);
    },
  };
}
