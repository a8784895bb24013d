import { chooseLink } from "../../cluster/communicator/choose_link.ts";
import { Comm, Exchange } from "../../cluster/communicator/mod.ts";
import {
  type Credentials,
  DirectLink,
  type Link,
  openNatsLink,
  runHash,
} from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { realEnv } from "../../src/env/mod.ts";
import type { Tuning, TuningStore } from "../../cluster/communicator/tuning.ts";
import { openLibraryLink } from "./library_link.ts";

/** What carries the frames; `nats-bf16`: sums of bf16 over NATS. */
export type LinkName = "nats" | "direct" | "library" | "nats-bf16";

/** The communicators of a rank: the same collectives over each link. */
export interface Worlds {
  readonly rank: number;
  readonly size: number;
  comm(link: LinkName): Comm;
  /** How the links are used, where that was measured. */
  readonly tuning: Tuning | undefined;
  /** Frames sent again so far, over all links. */
  resent(): number;
  close(): Promise<void>;
}

/**
 * Joins all links, as `init` does for one of them; with `tunings` it measures how
 * they are used best.
 */
export async function openWorlds(
  { rank, size }: { rank: number; size: number },
  credentials: Credentials,
  tunings?: TuningStore,
): Promise<Worlds> {
  const subjects = subjectsOf(credentials.run);
  const viaNats = await openNatsLink(credentials, {
    rank,
    size,
    name: `rank-${rank}`,
    subject: (to, lane) => subjects.data(to, lane),
  });
  const direct = new DirectLink(viaNats, {
    now: () => realEnv.clock.now(),
    onLost: (lost) => {
      throw new Error(`rank ${rank} lost its connection to rank ${lost}`);
    },
  });
  const library = await openLibraryLink(credentials, {
    rank,
    size,
    subject: (to) => `run.${credentials.run}.library.${to}`,
  });
  const open = (link: Link, generation: number) =>
    new Exchange({
      link,
      world: { run: runHash(credentials.run), generation },
      env: realEnv,
      warnAfterMs: 20_000,
      deadlineMs: 120_000,
      onWarning: () => {},
    });
  const machine = Deno.hostname();
  const exchanges = [open(direct, 1), open(library, 2)];
  const [ours, theirs] = exchanges.map((exchange) =>
    new Comm({
      exchange,
      context: exchange.world,
      algorithm: "auto",
      hosts: new Array<string>(size).fill(machine),
    })
  );
  const { tuning } = await chooseLink(ours!, {
    wish: tunings === undefined ? "direct" : "auto",
    link: direct,
    credentials,
    machine,
    env: realEnv,
    tunings,
    onWarning: (message) => {
      throw new Error(message);
    },
  });
  return {
    rank,
    size,
    tuning,
    comm(link) {
      if (link === "library") return theirs!;
      direct.enabled = link === "direct";
      return ours!;
    },
    resent: () => exchanges.reduce((sum, { counts }) => sum + counts.resent, 0),
    async close() {
      for (const exchange of exchanges) await exchange.close();
    },
  };
}
