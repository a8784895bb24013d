import { tuningFolderOf } from "../../cluster/launch/cache_folder.ts";
import type { Tuning } from "../../cluster/communicator/tuning.ts";
import { ConfigError } from "../../src/env/mod.ts";
import { openPeers } from "../peers/open_peers.ts";
import type { BenchOptions, Verb } from "../common/verb.ts";
import { type CollectiveRow, collectiveRows } from "./collective_rows.ts";
import { collectivesTable } from "./collectives_table.ts";
import { startMessagePeers } from "./message_peers.ts";
import {
  type CallName,
  CALLS,
  parseRate,
  parseSize,
  sizeName,
  SIZES,
} from "./sizes.ts";
import { Team } from "./team.ts";
import type { LinkName } from "./worlds.ts";

const MOST_RANKS = 8;
/** Size of the rows of the calls beside all-reduce, and behind a capped line. */
const OTHER_CALLS_BYTES = 8 * 2 ** 20;
/** Bytes of one turn: small calls are repeated. */
const TURN_BYTES = 64 * 2 ** 20;
const MOST_TIMES = 50;
const DEFAULT_ROUNDS = 5;

export const collectives: Verb = {
  about: "all-reduce and others over every link, beside Open MPI and gloo",
  help: `Usage: bench collectives [options]

Ranks as processes of this machine around a NATS server of their own. Beside each
link what its ceiling reaches in the same rounds: NATS messages and bytes of a
socket with nothing around them, the same ring over the plain client library, and
Open MPI and gloo. Every result is checked.

  --ranks N          2 to ${MOST_RANKS}, default 2
  --size S           one size, or several with commas: 8, 64K, 88M (2^20 bytes)
  --link LINK        nats or direct; default both
  --call NAME        ${CALLS.join(", ")}; default all
  --rounds N         turns of every contestant, default ${DEFAULT_ROUNDS}
  --calls N          calls of a turn; default 64 MB of them, at most ${MOST_TIMES}
  --peers            Open MPI (TCP, shared memory) and gloo too
  --require-peers    a missing one is an error (exit 3)
  --tune             measure lanes, segments, windows and the change from tree to
                     ring first, use what was the fastest, and keep it for train
                     and launch on this machine
  --cap RATE         all-reduce in f32 and bf16 over NATS, every rank behind a line
                     of so many bits a second each way: 1Gbit, 100Mbit
`,
  string: ["size", "link", "call", "cap"],
  boolean: ["peers", "require-peers", "tune"],
  number: ["ranks", "rounds", "calls"],
  async run(options, log) {
    const ranks = ranksOf(options);
    const cap = capOf(options);
    const links = cap === undefined
      ? linksOf(options)
      : ["nats", "nats-bf16"] as const;
    const work = workOf(options);
    const required = options.boolean("require-peers");
    await using peers = await openPeers({ names: [], require: required, log });
    if (required || options.boolean("peers")) {
      await startMessagePeers(peers, ranks);
    }
    const tuningFolder = options.boolean("tune") ? tuningFolderOf() : undefined;
    await using team = await Team.start({ size: ranks, cap, tuningFolder });
    if (team.tuning !== undefined) log(describeTuning(team.tuning));
    const rows: CollectiveRow[] = [];
    for (const { name, bytes } of work) {
      const times = options.number("calls") ??
        Math.min(MOST_TIMES, Math.ceil(TURN_BYTES / bytes));
      const found = await collectiveRows({
        team,
        peers,
        links,
        name,
        bytes,
        times,
        ceilings: cap === undefined,
        rounds: options.number("rounds") ?? DEFAULT_ROUNDS,
      });
      rows.push(...found);
      const speeds = found.map((row) =>
        `${row.link} ${row.p50_us.toFixed(0)} us`
      );
      log(`${name}  ${sizeName(bytes)}  ${speeds.join("  ")}`);
    }
    const adapter = { name: "none", vendor: 0, device: 0, cpu: false };
    const { missing } = peers;
    const { tuning } = team;
    return {
      adapter,
      rows,
      missing,
      ranks,
      ...(cap === undefined ? {} : { bytes_per_second: cap }),
      ...(tuning === undefined ? {} : { tuning }),
    };
  },
  table: collectivesTable,
};

function ranksOf(options: BenchOptions): number {
  const ranks = options.number("ranks") ?? 2;
  if (ranks >= 2 && ranks <= MOST_RANKS) return ranks;
  throw new ConfigError(`Cannot use ${ranks} ranks`, {
    hint: `2 to ${MOST_RANKS}`,
  });
}

/** Bytes per second of a capped line. */
function capOf(options: BenchOptions): number | undefined {
  const cap = options.string("cap");
  if (cap === undefined) return undefined;
  const call = options.string("call") ?? "all_reduce";
  const wrong = call !== "all_reduce"
    ? `--call ${call}`
    : options.string("link") === "direct"
    ? "--link direct"
    : ["tune", "peers", "require-peers"].find((name) => options.boolean(name));
  if (wrong === undefined) return parseRate(cap);
  throw new ConfigError(
    `Cannot use --cap with ${wrong.replace(/^(?!--)/, "--")}`,
    {
      hint: "it measures all-reduce over NATS alone",
    },
  );
}

/** "nats: 2 lanes, segments 4 MB, window 4 MB, tree to 64 KB; direct: …" */
function describeTuning({ link, nats, direct }: Tuning): string {
  const flows = Object.entries({ nats, direct }).map(([name, flow]) =>
    `${name}: ${flow.lanes} lanes, segments ${
      sizeName(flow.segmentBytes)
    }, window ${sizeName(flow.windowBytes)}, tree to ${
      sizeName(flow.treeBytes)
    }`
  );
  return `tuned  ${flows.join("; ")}; ${link} is faster`;
}

function linksOf(options: BenchOptions): LinkName[] {
  const link = options.string("link");
  if (link === undefined) return ["nats", "library", "direct"];
  if (link === "nats") return ["nats", "library"];
  if (link === "direct") return ["direct"];
  throw new ConfigError(`Cannot use the link ${link}`, {
    hint: "nats or direct",
  });
}

/** What is measured, in order. */
function workOf(options: BenchOptions): { name: CallName; bytes: number }[] {
  const sizes = options.string("size")?.split(",").map(parseSize);
  const call = options.string("cap") === undefined
    ? options.string("call")
    : "all_reduce";
  if (call !== undefined && !CALLS.some((name) => name === call)) {
    throw new ConfigError(`Cannot measure ${call}`, { hint: CALLS.join(", ") });
  }
  return CALLS.filter((name) => call === undefined || name === call)
    .flatMap((name): { name: CallName; bytes: number }[] => {
      if (name === "barrier") return [{ name, bytes: 8 }];
      const bytes = sizes ??
        (name !== "all_reduce" || options.string("cap") !== undefined
          ? [OTHER_CALLS_BYTES]
          : SIZES);
      return bytes.map((bytes) => ({ name, bytes }));
    });
}
