import { LinkCommunicator } from "../../cluster/communicator/mod.ts";
import { MemoryNetwork } from "../../cluster/links/mod.ts";
import { realEnv } from "../../src/env/mod.ts";

/** Ranks of this process, and the network that joins them. */
export interface LinkedRanks extends AsyncDisposable {
  readonly links: readonly LinkCommunicator[];
}

/** Joins ranks in memory, with deadlines that no test reaches. */
export function linkRanks(size: number): LinkedRanks {
  const network = new MemoryNetwork({ size, timers: realEnv.timers });
  const links = Array.from(
    { length: size },
    (_, rank) =>
      new LinkCommunicator({
        link: network.link(rank),
        world: { run: 1, generation: 1 },
        env: realEnv,
        warnAfterMs: 60_000,
        deadlineMs: 120_000,
        onWarning: () => {},
      }),
  );
  return {
    links,
    async [Symbol.asyncDispose]() {
      for (const link of links) await link.close();
      network.close();
    },
  };
}
