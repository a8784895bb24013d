import { mergeReadableStreams } from "@std/streams/merge-readable-streams";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../../src/env/mod.ts";
import { keepOutput } from "./local.ts";
import { isLoopback } from "../links/mod.ts";
import { ownAddress } from "./node_server.ts";
import { gpuArguments } from "./own_gpu.ts";
import { signalChild } from "./signal_child.ts";
import type { StartAbout, StartedRank, Starter } from "./starter.ts";

/** A machine that ssh reaches, and its ranks. */
export interface Host {
  name: string;
  ranks: number;
}

/**
 * Machines in a list such as `n1,n2:4`, or in the lines of a host file, with
 * `n2 slots=4` as mpirun writes it; `#` begins a comment. One that is named again
 * gets more ranks.
 *
 * @throws {ConfigError} If there is none, or one is no host.
 */
export function parseHosts(text: string): Host[] {
  const parts = text.replace(/#.*$/gm, "").split(/[,\n]/)
    .map((part) => part.trim()).filter((part) => part !== "");
  const ranks = new Map<string, number>();
  for (const part of parts) {
    const match =
      /^((?:[\w.-]+@)?[A-Za-z0-9][\w.-]*)(?:(?::|\s+slots=)(\d{1,4}))?$/
        .exec(part);
    if (match === null || match[2] === "0") {
      throw new ConfigError(`Cannot use the host "${part}"`, {
        hint: "hosts look like n1,n2:4 or, in a file, n2 slots=4",
      });
    }
    const name = match[1]!;
    ranks.set(name, (ranks.get(name) ?? 0) + Number(match[2] ?? 1));
  }
  if (ranks.size === 0) throw new ConfigError("Cannot use no hosts at all");
  return [...ranks].map(([name, ranks]) => ({ name, ranks }));
}

/** What ssh itself ends with when it does not get through. */
const UNREACHED = 255;

/**
 * What a machine runs, in one line, since it is read by the user's own shell first.
 * `$1` is the checkout, `$2` the run folder, `$3` the machine's name; what follows
 * is for `rank`.
 */
const RANK = [
  'cd "$1" 2>/dev/null && [ -f cluster/run.sh ] || {',
  'echo "error: $3 has no checkout in $1";',
  'echo "hint: the machines must share it, or have the same in the same place";',
  "exit 3; };",
  '[ -d "$2" ] || {',
  'echo "error: $3 does not see the run folder $2";',
  'echo "hint: give --run-dir DIR on a disk that the machines share";',
  "exit 3; };",
  'shift 3; exec sh cluster/run.sh rank "$@"',
].join(" ");

/** Starts ranks through ssh on machines that share the checkout's folder. */
export function sshStarter(hosts: readonly Host[], host?: string): Starter {
  const here = hosts.every(({ name }) => isLoopback(name.split("@").at(-1)!));
  return {
    about: `by ssh on ${hosts.map(({ name }) => name).join(", ")}`,
    host: host ?? (here ? "127.0.0.1" : ownAddress()),
    start: (about) => Promise.resolve(startAll(hosts, about)),
  };
}

function startAll(hosts: readonly Host[], about: StartAbout): StartedRank[] {
  const places = hosts.flatMap(({ name, ranks }) =>
    Array.from({ length: ranks }, (_, localRank) => ({ name, localRank }))
  );
  return places.map(({ name, localRank }, rank) => {
    const { runFolder, cacheFolder, life, size, gpus } = about;
    const root = fileURLToPath(new URL("../../", import.meta.url));
    const words = [
      "sh",
      "-c",
      RANK,
      "rank",
      root.replace(/\/$/, ""),
      runFolder,
      name,
      `--run-dir=${runFolder}`,
      `--cache-dir=${cacheFolder}`,
      `--life=${life}`,
      `--rank=${rank}`,
      `--size=${size}`,
      `--local-rank=${localRank}`,
      `--node=${name}`,
      ...gpuArguments(gpus),
      "--attached",
    ].map(quote).join(" ");
    const child = new Deno.Command("ssh", {
      args: [
        "-T",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=20",
        name,
        `exec ${words}`,
      ],
      // The rank ends when its input does, and that when this process does.
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    const tail: string[] = [];
    const kept = keepOutput(
      mergeReadableStreams(child.stdout, child.stderr),
      `${runFolder}/logs/rank-${rank}.stderr`,
      tail,
    );
    return {
      rank,
      tail,
      exited: Promise.all([child.status, kept]).then(([{ code, signal }]) => {
        if (code === UNREACHED) {
          tail.push(
            `hint: this must work without a question: ssh -o BatchMode=yes ${name} true`,
          );
        }
        return { code, signal };
      }),
      kill: () => signalChild(child, "SIGKILL"),
    };
  });
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
