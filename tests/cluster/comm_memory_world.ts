import {
  type Algorithm,
  Comm,
  Exchange,
  type Wait,
} from "../../cluster/communicator/mod.ts";
import { type Fate, MemoryNetwork } from "../../cluster/links/mod.ts";
import type { CommWorld } from "./comm_suite.ts";
import { VirtualTime } from "./links_virtual_time.ts";

export interface MemoryWorldOptions {
  size: number;
  algorithm?: Algorithm;
  nodes?: number[];
  segmentBytes?: number | undefined;
  treeBytes?: number;
  fate?: (from: number, to: number, frame: Uint8Array) => Fate;
  onWarning?: (rank: number, wait: Wait) => void;
}

/** Ranks over a simulated network in virtual time. */
export function openMemoryWorld(
  options: MemoryWorldOptions,
): CommWorld & { exchanges: Exchange[]; time: VirtualTime } {
  const { size, segmentBytes, fate, onWarning, algorithm = "auto" } = options;
  const { treeBytes } = options;
  const nodes = options.nodes ?? new Array<number>(size).fill(0);
  const time = new VirtualTime();
  const network = new MemoryNetwork({
    size,
    timers: time.timers,
    ...(fate === undefined ? {} : { fate }),
    ...(treeBytes === undefined ? {} : { treeBytes }),
  });
  const exchanges = Array.from({ length: size }, (_, rank) =>
    new Exchange({
      link: network.link(rank),
      world: { run: 7, generation: 1 },
      env: time,
      warnAfterMs: 10_000,
      deadlineMs: 60_000,
      nodes,
      segmentBytes,
      onWarning: (wait) => onWarning?.(rank, wait),
    }));
  const hosts = nodes.map((node) => `host${node}`);
  return {
    exchanges,
    time,
    comms: exchanges.map((exchange) =>
      new Comm({ exchange, context: exchange.world, algorithm, hosts })
    ),
    until: (promise) => time.until(promise),
    sleep: (ms) => time.timers.sleep(ms),
    async close() {
      for (const exchange of exchanges) await exchange.close();
      network.close();
    },
  };
}
