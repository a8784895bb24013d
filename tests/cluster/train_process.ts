import { ok, strictEqual } from "node:assert";
import { TextLineStream } from "@std/streams/text-line-stream";
import { writeTinyCifar } from "../helpers/mod.ts";

/** A configuration of a second a phase; `data.path` is added. */
const TINY = {
  name: "tiny",
  seed: 5,
  ranks: 2,
  globalBatch: 16,
  data: { kind: "cifar10", labelsPerClass: 2, validationPerClass: 1 },
  teacher: { patch: 8, dim: 16, depth: 1, heads: 2 },
  student: { patch: 8, dim: 16, depth: 1, heads: 2 },
  checkpoint: { everySteps: 4, keep: 2 },
  phases: {
    teacher: { images: 160 },
    distill: { images: 96 },
    classify: { images: 96 },
    selfTrain: { images: 96, guard: { startAccuracy: 0 } },
    baseline: { images: 96 },
  },
};

/** Only the first phase, of so many steps. */
export function teacherOnly(steps: number): string[] {
  return [
    `phases.teacher.images=${16 * steps}`,
    ...["distill", "classify", "selfTrain", "baseline"].map((phase) =>
      `phases.${phase}.enabled=false`
    ),
  ];
}

export interface CommandEnd {
  code: number;
  stdout: string;
  stderr: string;
}

/** The command line as a process, with its output. */
export class CommandProcess {
  readonly pid: number;
  readonly end: Promise<CommandEnd>;
  readonly #child: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-P=app", "cluster/main.ts", ...args],
      // Links are used as they come: measuring them takes some seconds.
      env: { NO_COLOR: "1", SIGNET_TUNING: "", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.end = this.#collect();
  }

  /** Resolves when a line of stderr is like `text`; fails when none comes. */
  async see(text: RegExp): Promise<void> {
    const found = () => this.#lines.some((line) => text.test(line));
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = () => found() && resolve();
    this.#watchers.add(check);
    check();
    await Promise.race([promise, this.end]);
    this.#watchers.delete(check);
    ok(found(), `no ${text} in\n${this.#lines.join("\n")}`);
  }

  /** Resolves when there is such a file; fails when the process ends before. */
  async seeFile(path: string): Promise<void> {
    let ended = false;
    this.end.then(() => ended = true);
    while (!await Deno.stat(path).catch(() => undefined)) {
      ok(!ended, `no ${path} after\n${this.#lines.join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async #collect(): Promise<CommandEnd> {
    const stdout = new Response(this.#child.stdout).text();
    const lines = this.#child.stderr.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      this.#lines.push(line);
      for (const watcher of this.#watchers) watcher();
    }
    const { code } = await this.#child.status;
    return { code, stdout: await stdout, stderr: this.#lines.join("\n") };
  }
}

/** Runs the command line to its end. */
export function command(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<CommandEnd> {
  return new CommandProcess(args, env).end;
}

/** A folder with a tiny data set and configuration. */
export async function withTinyRun(
  use: (paths: { folder: string; config: string }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-run-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 8, test: 2 });
    const config = `${folder}/tiny.json`;
    const value = { ...TINY, data: { ...TINY.data, path: `${folder}/data` } };
    await Deno.writeTextFile(config, JSON.stringify(value));
    await use({ folder, config });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Trains in a folder of its own until there is a checkpoint. */
export async function withTraining(
  settings: readonly string[],
  use: (process: CommandProcess, run: string) => Promise<void>,
): Promise<void> {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    const args = ["train", config, "--run-dir", run, ...settings];
    const process = new CommandProcess(args);
    await process.seeFile(`${run}/checkpoints/last`);
    await use(process, run);
  });
}

export interface Event {
  event: string;
  [key: string]: unknown;
}

/** The lines of a file that are whole; another process may be writing one more. */
export async function linesOf<T>(path: string): Promise<T[]> {
  const text = await Deno.readTextFile(path);
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** The journal of a run. */
export function eventsOf(run: string): Promise<Event[]> {
  return linesOf(`${run}/events.jsonl`);
}

/** Process id of each rank, from the newest life of the run. */
export async function ranksOf(run: string): Promise<number[]> {
  const pids: number[] = [];
  for (const { event, rank, pid } of await eventsOf(run)) {
    if (event === "joined") pids[rank as number] = pid as number;
  }
  return pids;
}

export async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** Waits until none is left, for a minute: what ends by itself does so in its turn. */
export async function untilNoneLeft(run: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (Date.now() < end) {
    if (await checkNoneLeft(run).then(() => true, () => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await checkNoneLeft(run);
}

/** Whether a process runs: one that has ended may wait for who has started it. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

/** Puts a pipe there that nobody reads: opening it hangs as on a lost disk. */
export async function lose(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", {
    args: [`${path}.pipe`],
  }).output();
  ok(success);
  await Deno.rename(`${path}.pipe`, path);
}

/** No process of the run is left: neither ranks nor their server. */
export async function checkNoneLeft(run: string): Promise<void> {
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const line = await Deno.readTextFile(`/proc/${entry.name}/cmdline`)
      .catch(() => "");
    strictEqual(line.includes(`${run}/`) || line.endsWith(run), false, line);
  }
}
