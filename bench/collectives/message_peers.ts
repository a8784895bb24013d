import { fileURLToPath } from "node:url";
import { MESSAGE_PEERS, Peer, type PeerName } from "../peers/peer.ts";
import type { OpenPeers } from "../peers/open_peers.ts";
import { joined, type Turn } from "./team.ts";

const PROGRAM = fileURLToPath(
  new URL("../peers/message_passing.py", import.meta.url),
);
const PYTHON = "/usr/bin/python3";
const CALL_SECONDS = 120;

function commandOf(
  name: PeerName,
  ranks: number,
): [string, readonly string[]] {
  if (name === "gloo") return [PYTHON, [PROGRAM, "gloo", `${ranks}`]];
  return ["mpirun", [
    "--allow-run-as-root",
    "--oversubscribe",
    ...(name === "openmpi-tcp" ? ["--mca", "btl", "tcp,self"] : []),
    "-n",
    `${ranks}`,
    PYTHON,
    PROGRAM,
    "mpi",
  ]];
}

/** Starts the ranks of each peer. */
export async function startMessagePeers(
  peers: OpenPeers,
  ranks: number,
): Promise<void> {
  for (const name of MESSAGE_PEERS) {
    await peers.start(name, () => Peer.start(name, commandOf(name, ranks)));
  }
}

/** All-reduces of a peer, as {@linkcode Team.call} makes ours. */
export async function peerTurn(
  peers: OpenPeers,
  peer: Peer,
  { bytes, times }: { bytes: number; times: number },
): Promise<Turn | undefined> {
  const reply = await peers.ask(
    peer,
    { do: "call", bytes, times },
    CALL_SECONDS,
  ) as { ranks: (Turn & { cpuMs: number })[] } | undefined;
  if (reply === undefined) return undefined;
  const sum = (of: (turn: Turn) => number) =>
    reply.ranks.reduce((sum, turn) => sum + of(turn), 0);
  return {
    ms: joined(reply.ranks, bytes),
    cpuMs: sum(({ cpuMs }) => cpuMs),
    wrong: sum(({ wrong }) => wrong),
    resent: 0,
  };
}
