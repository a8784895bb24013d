import { TextLineStream } from "@std/streams/text-line-stream";
import {
  ownAddress,
  signalChild,
  type StartAbout,
  type StartedRank,
  type Starter,
} from "../launch/mod.ts";
import { askSlurm, slurm } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { expandHostlist } from "./hostlist.ts";
import type { Job } from "./job.ts";

/**
 * What each task runs; `$1` is the run folder, `$2` the job. Its output is kept,
 * whatever fails. It says when its rank has ended: srun tells of bad ends alone, and
 * ends itself when the last task has, which on a lost node is never. Signals are the
 * rank's.
 *
 * Code 75 says that the coordinator is gone. If its batch job runs all the same, the
 * coordinator was killed, or the node of the script was lost: SLURM would keep the
 * others for nothing until the time limit. Without a checkpoint of this life, which
 * has begun with its configuration, there is nothing to go on from. An allocation
 * without a script is its owner's.
 */
export const RANK_SCRIPT = `folder=$1 job=$2; shift 2
refuse() { echo "signet: rank $SLURM_PROCID says error: $SLURMD_NODENAME $1" >&2; exit 3; }
[ -f cluster/run.sh ] || refuse "has no checkout in $PWD, which all nodes must share"
[ -d "$folder/logs" ] || refuse "does not see $folder: give --run-dir on a disk that all nodes share"
exec 3>&2 >>"$folder/logs/rank-$SLURM_PROCID.stderr" 2>&1
[ -z "$SLURM_CPUS_PER_TASK" ] || : "\${LP_NUM_THREADS:=$SLURM_CPUS_PER_TASK}"
export LP_NUM_THREADS
trap : HUP INT TERM USR2
sh cluster/run.sh rank "$@" 3>&-
code=$?
echo "signet: rank $SLURM_PROCID ended with code $code" >&3
[ "$code" = 75 ] || exit "$code"
# A controller that is busy, or starts again, answers a little later.
for pause in 2 10 30 0; do
  case $(scontrol show job "$job") in
  *JobState=RUNNING*" Restarts=\${SLURM_RESTART_COUNT:-0} BatchFlag=1"*)
    again=scancel
    # The next job of a chain goes on by itself.
    [ "\${SIGNET_JOB:-1}" != "\${SIGNET_JOBS:-1}" ] ||
      [ ! "$folder/checkpoints/last" -nt "$folder/config.json" ] ||
      again="scontrol requeue"
    echo "signet: job $job has lost its coordinator: $again"
    ! $again "$job" || break
    ;;
  # Given back by another task, or no batch job.
  *JobState=*) break ;;
  esac
  sleep "$pause"
done
exit "$code"`;

/** How a rank ended, in the words of {@linkcode RANK_SCRIPT}. */
const RANK_END = /^signet: rank (\d+) ended with code (\d+)$/;

/** What a rank says that can write no file. */
const RANK_WORD = /^signet: rank (\d+) says (.+)$/;

/** How a task ended, in the words of srun: `n2: tasks 0-1: Exited with exit code 3`. */
const TASK_END =
  /^srun: error: (\S+): tasks? ([\d,-]+): (?:Exited with exit code (\d+)|(.+))$/;

/** Signals that end a rank, with the C library's words for them. */
const SIGNALS = [
  { number: 1, name: "SIGHUP", word: "Hangup" },
  { number: 6, name: "SIGABRT", word: "Aborted" },
  { number: 7, name: "SIGBUS", word: "Bus error" },
  { number: 9, name: "SIGKILL", word: "Killed" },
  { number: 11, name: "SIGSEGV", word: "Segmentation fault" },
  { number: 15, name: "SIGTERM", word: "Terminated" },
];

/** A rank's end as its task or srun tells it. */
export interface TaskEnd {
  rank: number;
  code: number;
  signal: string | null;
}

/** The ends of ranks in a line of a task or of srun; none for other lines. */
export function taskEnds(line: string, job: Job): TaskEnd[] {
  const told = RANK_END.exec(line);
  if (told !== null) {
    const [rank, code] = told.slice(1).map(Number) as [number, number];
    if (rank >= job.size) return [];
    // A shell's word for a signal.
    const signal = SIGNALS.find(({ number }) => code === 128 + number)?.name;
    return [
      signal === undefined
        ? { rank, code, signal: null }
        : { rank, code: 1, signal },
    ];
  }
  const match = TASK_END.exec(line);
  if (match === null) return [];
  const [, name, tasks = "", code, words = ""] = match;
  const node = job.nodes.find((node) => node.name === name);
  if (node === undefined) return [];
  // srun counts the tasks of each part of a heterogeneous job from 0 on.
  const base = job.nodes.find(({ component }) => component === node.component)!
    .firstRank;
  const word = words.replace(/ \(core dumped\)$/, "");
  return expandHostlist(`[${tasks}]`).map((task) => ({
    rank: base + Number(task),
    code: code === undefined ? 1 : Number(code),
    signal: code === undefined
      ? SIGNALS.find((signal) => signal.word === word)?.name ?? word
      : null,
  }));
}

/**
 * Starts the ranks of a job as one step of srun, which this process holds.
 *
 * @param host Where the nodes reach this machine; left out, it is found out.
 */
export async function slurmStarter(job: Job, host?: string): Promise<Starter> {
  const { id, node, nodes, size } = job;
  const hosts = await addressesOf(job);
  const several = nodes.some(({ name }) => name !== node);
  return {
    about: `${size} by srun on ${nodes.length} nodes of job ${id}`,
    ...(node === undefined ? {} : { node }),
    host: several ? host ?? addressHere(job, hosts) : undefined,
    hosts,
    start: (about) => Promise.resolve(startStep(job, about)),
  };
}

/** Where the nodes reach this machine, which may be the login node. */
export function addressHere(
  { node }: Job,
  hosts: Readonly<Record<string, string>>,
): string {
  return (node && hosts[node]) ?? ownAddress();
}

/** Addresses of a job's nodes, as SLURM itself reaches them. */
export async function addressesOf(
  { nodes }: Job,
): Promise<Record<string, string>> {
  const names = nodes.map(({ name }) => name).join(",");
  const text = await askSlurm("scontrol", ["show", "node", "-o", names]);
  return Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const name = /\bNodeName=(\S+)/.exec(line)?.[1];
      const address = /\bNodeAddr=(\S+)/.exec(line)?.[1];
      return name === undefined || address === undefined
        ? []
        : [[name, address]];
    }),
  );
}

/** The step's options and command, once for each part of the job. */
export function stepArguments(
  job: Job,
  { name, command }: { name: string; command: readonly string[] },
): string[] {
  const parts = Array.from({ length: job.components }, (_, component) => {
    const nodes = job.nodes.filter((node) => node.component === component);
    const tasks = nodes.reduce((sum, node) => sum + node.tasks, 0);
    const cpus = nodes[0]!.cpusPerTask;
    return [
      ...(job.components > 1 ? [`--het-group=${component}`] : []),
      `--job-name=${name}`,
      // Ranks that stay decide with the coordinator what follows from a loss.
      "--no-kill",
      "--kill-on-bad-exit=0",
      "--wait=0",
      // What this process has, although the job was given little (--export=NONE).
      "--export=ALL",
      "--input=none",
      `--nodes=${nodes.length}`,
      `--ntasks=${tasks}`,
      // srun does not take this from the job since 22.05.
      ...(cpus === undefined ? [] : [`--cpus-per-task=${cpus}`]),
      ...(job.gpus ? ["--gpus-per-task=1"] : []),
      ...command,
    ];
  });
  return parts.flatMap((part, i) => i === 0 ? part : [":", ...part]);
}

function startStep(job: Job, about: StartAbout): StartedRank[] {
  const { env, life, runFolder, cacheFolder } = about;
  const name = `signet-${life}`;
  const command = [
    "sh",
    "-c",
    RANK_SCRIPT,
    "rank",
    runFolder,
    job.id,
    `--run-dir=${runFolder}`,
    `--cache-dir=${cacheFolder}`,
    `--life=${life}`,
  ];
  const child = new Deno.Command("srun", {
    args: stepArguments(job, { name, command }),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    // Signals for the batch script's group are for the coordinator to judge.
    detached: true,
  }).spawn();
  const ends = Array.from(
    { length: job.size },
    () => Promise.withResolvers<Omit<TaskEnd, "rank">>(),
  );
  const words: string[] = [];
  const keep = (rank: number, text: string) =>
    env.disk.append(`${runFolder}/logs/rank-${rank}.stderr`, `${text}\n`)
      .catch(() => {});
  const left = new Set(ends.keys());
  const end = (rank: number, how: Omit<TaskEnd, "rank">) => {
    left.delete(rank);
    ends[rank]?.resolve(how);
  };
  const read = async () => {
    const lines = child.stderr.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      words.push(line);
      const said = RANK_WORD.exec(line);
      if (said !== null) await keep(Number(said[1]), said[2]!);
      for (const { rank, ...how } of taskEnds(line, job)) end(rank, how);
    }
  };
  Promise.all([child.status, read()]).then(async ([{ code }]) => {
    // A step that could not start says so, and no rank ever came.
    const failed = left.size === job.size && code !== 0;
    if (failed) await keep(0, words.join("\n"));
    for (const rank of [...left]) {
      end(rank, { code, signal: killed ? "SIGKILL" : null });
    }
  });
  let killed = false;
  const doomed = new Set<number>();
  return ends.map(({ promise }, rank) => ({
    rank,
    exited: promise,
    kill() {
      // A step can only be ended as a whole, so when nobody in it is to stay.
      doomed.add(rank);
      if (killed || ![...left].every((one) => doomed.has(one))) return;
      killed = true;
      killStep(job, name).catch(() => {
        // It has ended by itself.
      }).then(() => {
        // srun would wait for a node that is gone.
        if (left.size > 0) signalChild(child, "SIGKILL");
      });
    },
  }));
}

/** SIGKILL for the step of this name; others of the job are not ours. */
async function killStep({ id }: Job, name: string): Promise<void> {
  const text = await slurm("squeue", ["-h", "-s", "-j", id, "-o", "%i %j"]);
  const steps = text.split("\n").map((line) => line.trim().split(" "))
    .filter(([, other]) => other === name).map(([step]) => step!);
  if (steps.length > 0) await slurm("scancel", ["--signal=KILL", ...steps]);
}

/** Seconds that are left to a job; `Infinity` without a limit. */
export async function secondsLeft({ id }: Job): Promise<number> {
  const text = await askSlurm("squeue", ["-h", "-j", id, "-o", "%L"]);
  // A heterogeneous job has a line for each part.
  return Math.min(...text.split("\n").map(parseDuration));
}
