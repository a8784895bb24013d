import { fileURLToPath } from "node:url";
import { SignetError } from "../../src/env/mod.ts";
import { hasTerminal } from "../terminal.ts";
import { signalChild } from "./signal_child.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Passed on; `train` takes what a terminal has sent to it as well for the same one. */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGUSR2"] as const;

/** Lines of its output that tell why it failed. */
const TAIL_LINES = 12;

/** Where its output goes and what it finds in its environment. */
export interface VerbChildOptions {
  /** Default `null`: results of most verbs are files. */
  stdout?: "null" | "piped";
  /** Default `inherit`. */
  stderr?: "inherit" | "piped";
  /** Added to ours. */
  env?: Readonly<Record<string, string>>;
  /** The only cores of it and its ranks, as in `0,1`; left out, all of ours. */
  cores?: string | undefined;
}

/** Verbs that end in order when whoever has started them is gone, however it ended. */
const ATTACHED: Readonly<Record<string, readonly string[]>> = {
  train: ["--attached"],
};

/**
 * Starts a verb as a process of its own, with the code and packages of this checkout.
 * A run that it trains is stopped with a checkpoint should this process end before it.
 */
export function startVerb(
  verb: string,
  args: readonly string[],
  { stdout = "null", stderr = "inherit", env = {}, cores }: VerbChildOptions =
    {},
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
      verb,
      ...args,
      ...ATTACHED[verb] ?? [],
    ],
    // Ends with this process.
    stdin: "piped",
    stdout,
    stderr,
    env,
  }).spawn();
}

/** Passes signals on to a child until it ends; resolves with its exit code. */
export async function endOf(child: Deno.ChildProcess): Promise<number> {
  const heeded = hasTerminal() ? [...FORWARDED, "SIGHUP" as const] : FORWARDED;
  const undo = heeded.map((signal) => {
    // The child itself may have no terminal.
    const forward = () =>
      signalChild(child, signal === "SIGHUP" ? "SIGTERM" : signal);
    Deno.addSignalListener(signal, forward);
    return () => Deno.removeSignalListener(signal, forward);
  });
  try {
    return (await child.status).code;
  } finally {
    for (const action of undo) action();
    await child.stdin.close().catch(() => {
      // Nobody reads it any more.
    });
  }
}

/**
 * Runs a verb to its end without a word; resolves with what it has to say.
 *
 * @param options.doing For the message of a failure.
 * @throws {SignetError} If it fails, with its exit code: what could not be done, and
 * its last lines.
 */
export async function runVerb(
  verb: string,
  args: readonly string[],
  { doing, env = {}, cores }:
    & { doing: string }
    & Pick<VerbChildOptions, "env" | "cores">,
): Promise<string> {
  const child = startVerb(verb, args, {
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...env },
    cores,
  });
  const [code, result, text] = await Promise.all([
    endOf(child),
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (code === 0) return result;
  const lines = text.trimEnd().split("\n");
  const error = lines.findIndex((line) => line.startsWith("error: "));
  const tail = error < 0 ? lines.slice(-TAIL_LINES) : lines.slice(error);
  throw new SignetError(
    `Cannot ${doing}: ${verb} ended with ${code}:\n${tail.join("\n")}`,
    { exitCode: code <= 3 ? code : 1 },
  );
}
