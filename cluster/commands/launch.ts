import { nearest } from "../../src/config/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { ALGORITHMS, TUNING_VARIABLES } from "../communicator/mod.ts";
import { isAllocation, jobOf, slurmProgram } from "../slurm/mod.ts";
import { Console } from "../console.ts";
import { hasTerminal } from "../terminal.ts";
import {
  launchProgram,
  SERVER_OPTIONS,
  serverRequestOf,
} from "../launch/mod.ts";

const HELP = `Usage: launch -n N [options] PROGRAM [arguments]

Starts N ranks of a TypeScript program, which find each other with init() from
mod.ts, as mpirun does for MPI. Lines are printed as "[rank] line". Inside a SLURM
job of several tasks the ranks are its first N tasks, on all of its nodes; elsewhere
they are processes of this machine.

  -n, --ranks N        number of ranks, 1 to 64
  --per-rank-log DIR   also write DIR/rank-N.log
  --timeout SECONDS    longest wait for other ranks without progress (default 60)
  --collectives NAME   ${ALGORITHMS.join(", ")} (default auto)
  --quiet              only what the ranks print
  --tls DIR            encrypt: certificates of deno task ca; with --nats, the
                       ca.pem in DIR must have signed the server's certificate
  --nats URL           use this NATS server (NATS_USER, NATS_PASSWORD)
  --nats-creds FILE    as the owner of this nkey: a seed or a .creds file
  --nats-system FILE   see strangers as this user of its system account
                       (or NATS_SYSTEM_USER, NATS_SYSTEM_PASSWORD)
  -A, --allow-…, --deny-…, --config=…, --import-map=…, --check, --no-check,
  --unstable-…, --v8-flags=…, --env-file=…
                       passed on to deno run; a rank may read files and reach
                       its server, the rest must be allowed

When a rank fails the others are ended, and its exit code is that of launch.
Ctrl-C ends all ranks, a second one at once. Exit codes otherwise: 0 all ranks ended well, 2 usage,
3 environment not usable, 130 interrupted, 143 terminated.

Examples:
  deno task launch -n 4 cluster/examples/pi.ts 1000000
  deno task launch -n 8 --per-rank-log logs --allow-write=out my_program.ts`;

const PASSED_ON =
  /^(?:-A|-P|--(?:allow|deny|ignore|unstable|permission-set|config|import-map|check|no-check|v8-flags|env-file|no-remote|no-npm|cached-only)(?:[-=].*)?)$/;
const VALUES = [
  "ranks",
  "per-rank-log",
  "timeout",
  "collectives",
  ...SERVER_OPTIONS,
] as const;
type ValueName = typeof VALUES[number];

interface Request {
  size: number;
  values: Partial<Record<ValueName, string>>;
  quiet: boolean;
  denoOptions: string[];
  program: string[];
}

/** Everything from the program on belongs to it, so the options are read in order. */
function parse(args: readonly string[]): Request | undefined {
  const values: Request["values"] = {};
  const denoOptions: string[] = [];
  let quiet = false;
  let at = 0;
  for (; at < args.length && args[at]!.startsWith("-"); at++) {
    const [flag, ...rest] = args[at]!.split("=");
    const name = flag === "-n" ? "ranks" : flag!.slice(2);
    if (flag === "--help" || flag === "-h") return undefined;
    if (flag === "--quiet") quiet = true;
    else if (VALUES.includes(name as ValueName)) {
      const value = rest.length > 0 ? rest.join("=") : args[++at];
      if (value === undefined || value === "") {
        throw misuse(`${flag} needs a value`);
      }
      values[name as ValueName] = value;
    } else if (PASSED_ON.test(args[at]!)) denoOptions.push(args[at]!);
    else {
      const meant = nearest(name, [...VALUES, "quiet", "help"]);
      throw new ConfigError(`Cannot use ${flag}: unknown option`, {
        hint: meant === undefined
          ? "deno task launch --help lists the options"
          : `did you mean --${meant}?`,
      });
    }
  }
  const { ranks = "" } = values;
  const size = Number(ranks);
  if (!/^\d{1,2}$/.test(ranks) || size < 1 || size > 64) {
    throw misuse(`-n ${ranks}: 1 to 64 ranks are possible`);
  }
  if (!args[at]) throw misuse("the program is missing");
  return { size, values, quiet, denoOptions, program: args.slice(at) };
}

function misuse(problem: string): ConfigError {
  return new ConfigError(`Cannot launch: ${problem}`, {
    hint: "deno task launch -n N PROGRAM [arguments]",
  });
}

function variablesOf({ values }: Request): Record<string, string> {
  const { timeout, collectives } = values;
  if (timeout !== undefined && !(Number(timeout) > 0)) {
    throw misuse(`--timeout ${timeout}: seconds are needed`);
  }
  if (
    collectives !== undefined &&
    !ALGORITHMS.some((name) => name === collectives)
  ) {
    throw misuse(
      `--collectives ${collectives}: there are ${ALGORITHMS.join(", ")}`,
    );
  }
  return {
    ...(timeout === undefined ? {} : { [TUNING_VARIABLES.timeout]: timeout }),
    ...(collectives === undefined
      ? {}
      : { [TUNING_VARIABLES.collectives]: collectives }),
  };
}

const SIGNALS = [["SIGINT", 130], ["SIGTERM", 143]] as const;

/** The terminal is gone. */
const HANG_UP = ["SIGHUP", 129] as const;

/** `deno task` passes Ctrl-C on to a child that has got it from the terminal. */
const ECHO_MS = 500;

/** Runs a program as several ranks. */
export async function launch(args: readonly string[]): Promise<number> {
  const request = parse(args);
  if (request === undefined) {
    new Console(realEnv).result(HELP);
    return 0;
  }
  const variables = variablesOf(request);
  const [file] = request.program;
  if (!URL.canParse(file!)) {
    const found = await realEnv.disk.stat(file!);
    if (found === undefined || found.kind === "folder") {
      throw new ConfigError(`Cannot launch ${file}: there is no such file`);
    }
  }
  const terminal = new Console(realEnv, { quiet: request.quiet });
  const lookup = (name: string) => Deno.env.get(name);
  const elsewhere = isAllocation(lookup)
    ? await slurmProgram(jobOf(lookup), request.size)
    : undefined;
  const stop = new AbortController();
  const atOnce = new AbortController();
  let last = -Infinity;
  const heeded = hasTerminal() ? [...SIGNALS, HANG_UP] : SIGNALS;
  const listeners = heeded.map(([signal, code]) => {
    const listener = () => {
      const now = realEnv.clock.now();
      if (now - last < ECHO_MS) return;
      last = now;
      if (stop.signal.aborted) atOnce.abort();
      stop.abort(code);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  const logFolder = request.values["per-rank-log"];
  try {
    const { code, failed } = await launchProgram({
      ...request,
      env: realEnv,
      variables,
      server: serverRequestOf((name) => request.values[name]),
      ...(elsewhere === undefined ? {} : { elsewhere }),
      ...(logFolder === undefined ? {} : { logFolder }),
      signal: stop.signal,
      atOnce: atOnce.signal,
      onLine(rank, stream, line) {
        if (stream === "stdout") terminal.result(`[${rank}] ${line}`);
        else terminal.urgent(`[${rank}] ${line}`);
      },
      onWarning: (message) => terminal.note(`warning: ${message}`),
    });
    if (failed !== undefined) {
      const others = request.size > 1 ? "; the others were ended" : "";
      terminal.note(
        `rank ${failed.rank} ended with code ${failed.code}${others}`,
      );
    }
    return code;
  } finally {
    for (const undo of listeners) undo();
  }
}
