import type { Peer } from "../peers/peer.ts";
import type { OpenPeers } from "../peers/open_peers.ts";
import { median } from "../common/measure.ts";
import { peerTurn } from "./message_peers.ts";
import { bytesMoved, type CallName } from "./sizes.ts";
import type { Team, Turn } from "./team.ts";
import type { LinkName } from "./worlds.ts";

/** Ceilings are measured beside calls of at least so many bytes. */
export const CEILING_FROM = 1024 * 1024;
const CONNECTIONS = [1, 2] as const;

/** What one round measured: everything in turn, right after one another. */
export interface Round {
  turns: Map<string, Turn>;
  /** Bytes per second through the server and of one socket, at most. */
  ceilings: { nats?: number; tcp?: number };
  /** CPU milliseconds of the ceilings per byte. */
  cpu: { nats?: number; tcp?: number };
}

export interface Contest {
  team: Team;
  peers: OpenPeers;
  links: readonly LinkName[];
  name: CallName;
  bytes: number;
  rounds: number;
  /** Calls of a turn. */
  times: number;
  /** Whether the ceilings are measured too. */
  ceilings: boolean;
}

/** All contestants in turn, so that a busy machine is busy for all of them. */
export async function contest(options: Contest): Promise<Round[]> {
  const { team, peers, links, name, bytes, times, ceilings } = options;
  const moved = bytesMoved(name, team.size, bytes);
  const limits = ceilings && bytes >= CEILING_FROM && moved > 0;
  const rounds: Round[] = [];
  for (let round = 0; round <= options.rounds; round++) {
    const found: Round = { turns: new Map(), ceilings: {}, cpu: {} };
    if (limits && links.includes("nats")) {
      for (const lanes of CONNECTIONS) {
        const share = moved / team.size;
        const { ms, cpuMs } = await team.ceiling({
          do: "nats",
          bytes: share,
          lanes,
        });
        keepFastest(found, "nats", moved, { ms, cpuMs });
      }
    }
    for (const link of links) {
      found.turns.set(link, await team.call({ name, link, bytes, times }));
    }
    if (limits && links.includes("direct")) {
      keepFastest(
        found,
        "tcp",
        moved,
        await team.ceiling({ do: "tcp", bytes: moved }),
      );
    }
    for (const peer of name === "all_reduce" ? peers.list : []) {
      const turn = await peerTurn(peers, peer as Peer, { bytes, times });
      if (turn !== undefined) found.turns.set(peer.name, turn);
    }
    // The first round compiles and touches memory.
    if (round > 0) rounds.push(found);
  }
  return rounds;
}

function keepFastest(
  round: Round,
  name: "nats" | "tcp",
  bytes: number,
  { ms, cpuMs }: { ms: number; cpuMs: number },
): void {
  const rate = bytes / ms * 1000;
  if (rate < (round.ceilings[name] ?? 0)) return;
  round.ceilings[name] = rate;
  round.cpu[name] = cpuMs / bytes;
}

/** Median over the rounds of what each one says. */
export function overRounds(
  rounds: readonly Round[],
  of: (round: Round) => number | undefined,
): number | undefined {
  const values = rounds.map(of).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}
