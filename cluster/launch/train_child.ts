import { fileURLToPath } from "node:url";
import { SignetError } from "../../src/env/mod.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Passed on; `train` takes what a terminal has sent to it as well for the same one. */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGUSR2", "SIGHUP"] as const;

/** Lines of its output that tell why it failed. */
const TAIL_LINES = 12;

/** Where its stderr goes and what it finds in its environment. */
export interface TrainChildOptions {
  /** Default `inherit`. */
  stderr?: "inherit" | "piped";
  /** Added to ours. */
  env?: Readonly<Record<string, string>>;
  /** The only cores of it and its ranks, as in `0,1`; left out, all of ours. */
  cores?: string;
}

/** Starts `train` as a process of its own, with the code and packages of this checkout. */
export function startTrain(
  args: readonly string[],
  { stderr = "inherit", env = {}, cores }: TrainChildOptions = {},
): Deno.ChildProcess {
  const [program, ...before] = cores === undefined
    ? [Deno.execPath()]
    : ["taskset", "-c", cores, Deno.execPath()];
  return new Deno.Command(program!, {
    args: [
      ...before,
      "run",
      "--quiet",
      "--cached-only",
      "--frozen",
      "--node-modules-dir=manual",
      "--permission-set=app",
      `--config=${ROOT}deno.json`,
      `${ROOT}cluster/main.ts`,
      "train",
      ...args,
    ],
    stdin: "null",
    // Results are read from the run folder.
    stdout: "null",
    stderr,
    env,
  }).spawn();
}

/** Passes signals on to a child until it ends; resolves with its exit code. */
export async function endOf(child: Deno.ChildProcess): Promise<number> {
  const undo = FORWARDED.map((signal) => {
    const forward = () => child.kill(signal);
    Deno.addSignalListener(signal, forward);
    return () => Deno.removeSignalListener(signal, forward);
  });
  try {
    return (await child.status).code;
  } finally {
    for (const action of undo) action();
  }
}

/**
 * Trains to the end without a word.
 *
 * @throws {SignetError} If it fails: what could not be done, and its last lines.
 */
export async function trainQuietly(
  args: readonly string[],
  doing: string,
): Promise<void> {
  const child = startTrain(args, { stderr: "piped", env: { NO_COLOR: "1" } });
  const [code, text] = await Promise.all([
    endOf(child),
    new Response(child.stderr).text(),
  ]);
  if (code === 0) return;
  const tail = text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
  throw new SignetError(`Cannot ${doing}: train ended with ${code}:\n${tail}`);
}
