import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { decideShipped } from "../../src/phases/verdict.ts";
import { writeTrace } from "../../src/run/mod.ts";
import { Console } from "../console.ts";
import {
  describeFailure,
  type Failure,
  summaryTable,
} from "../coordinator/mod.ts";
import {
  chooseRun,
  type RunChoice,
  type RunPlan,
  SERVER_OPTIONS,
  serverRequestOf,
  trainRun,
  type TrainRunEnd,
} from "../launch/mod.ts";
import { Outlook } from "./outlook.ts";
import { showProfile } from "./profile_table.ts";
import { exportGpuWish, GPU_OPTIONS, gpuWishOf } from "./gpu_options.ts";
import { type Options, parseOptions } from "./options.ts";
import { endOfInput } from "./end_of_input.ts";
import { StopSignals } from "./stop_signals.ts";
import { TrainConsole } from "./train_console.ts";
import { codeHash } from "../version.ts";
import {
  beginSurvey,
  chooseWorld,
  joinAsRank,
  type TimeLimit,
} from "./train_world.ts";
import project from "../../deno.json" with { type: "json" };

const HELP = `Usage: train [CONFIG] [key=value…] [options]

Runs the phases of a configuration, in the order teacher, distill, classify,
selfTrain, baseline, on all ranks, and leaves everything in a run folder.

  CONFIG              a JSON file (default: configs/default.json)
  key=value           overrides a key, as in phases.distill.images=20000
  --ranks N           processes (default: the configuration's; auto = 2 on a CPU)
  --run-dir DIR       run folder (default: runs/<time>-<name>)
  --resume auto|DIR   go on with the newest unfinished run of this configuration,
                      or with the run in DIR; finished phases are not repeated
  --phases-from DIR   takes the first phases from the run in DIR, or from any run
                      below DIR, where they would end exactly the same; may be
                      given several times
  --profile           times every op of a few steps a phase: prints a table and
                      writes trace.json (chrome://tracing, ui.perfetto.dev)
  --fast-dev-run N    N steps a phase, to see whether all works
  --cores-per-rank N  ranks of this machine run on N cores each, of their own; 0: all
                      of them on all (default: 0, on a CPU an even share of the cores)
  --nats URL          use this NATS server (NATS_USER, NATS_PASSWORD)
  --nats-creds FILE   as the owner of this nkey: a seed or a .creds file
  --nats-system FILE  see strangers and lost ranks as this user of the server's
                      system account (or NATS_SYSTEM_USER, NATS_SYSTEM_PASSWORD)
  --launcher NAME     who starts the ranks: local (processes of this machine),
                      slurm (srun, inside a job; see deno task slurm), ssh (on
                      --hosts), join (they come by themselves, with the token that
                      is printed). auto = ssh with --hosts, what mpirun or srun
                      has started already, slurm in a job of several tasks, else
                      local
  --hosts a,b:2       machines for ssh, with their numbers of ranks, or a file of
                      such lines; they share the checkout's and the run's folder
  --host ADDRESS      where other machines reach this one (default: found out)
  --time-limit T      save a checkpoint and end with code 75 before so much time
                      has passed: minutes, 4:00:00 or 1-12:00:00
  --reserve SECONDS   kept back for that checkpoint (default: 120, at most a
                      quarter of the limit)
  --tls DIR           encrypt: certificates of deno task ca; with --nats, the
                      ca.pem in DIR must have signed the server's certificate
  --adapter cpu|gpu   the CPU although there is a GPU; gpu: never the CPU
  --gpu-bind WHICH    auto: a GPU for each rank, by UUID; none: what each sees
                      first; or UUIDs, by place on the machine
  --allow-shared      several ranks may share a GPU
  --mixed             ranks may compute on different adapters or drivers: each gets
                      images by its measured speed (mixed=true)
  --attached          save a checkpoint and end when standard input ends, as with
                      the process that holds its other end
  --quiet             only results and errors
  --json              the result as one JSON object on stdout

Ctrl-C, SIGTERM and SIGUSR2 save a checkpoint; a second one ends at once.
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 environment not usable,
75 checkpointed and asks to be started again, 130 interrupted.

Examples:
  deno task train
  deno task train configs/cifar10.json data.path=cifar-10-binary.tar.gz --ranks 4
  deno task train --resume auto`;

/** Asks to be started again. */
const REQUEUE = 75;
/** Longest time that a timer can be set to. */
const MAX_TIMER_SECONDS = 2 ** 31 / 1000 - 1;

/** Steps a phase that `--profile` looks at. */
const PROFILED_STEPS = 8;

/** Trains all phases of a configuration. */
export async function train(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "train",
    string: [
      "run-dir",
      "resume",
      ...SERVER_OPTIONS,
      ...GPU_OPTIONS.string,
      "launcher",
      "hosts",
      "host",
      "time-limit",
    ],
    number: ["ranks", "fast-dev-run", "reserve", "cores-per-rank"],
    list: ["phases-from"],
    boolean: [
      "profile",
      "mixed",
      "attached",
      "quiet",
      "json",
      "help",
      ...GPU_OPTIONS.boolean,
    ],
  });
  if (options.boolean("help")) {
    new Console(realEnv).result(HELP);
    return 0;
  }
  const terminal = new Console(realEnv, { quiet: options.boolean("quiet") });
  const request = requestOf(options);
  const gpus = gpuWishOf(options);
  exportGpuWish(gpus);
  const guest = await joinAsRank(options);
  if (guest !== undefined) return guest;
  // Another process lists the devices meanwhile.
  const survey = beginSurvey(options, gpus);
  const code = codeHash(realEnv.disk);
  const choice = await chooseRun(realEnv, request);
  const world = await chooseWorld(
    options,
    { config: choice.config, gpus, survey },
    (line) => terminal.urgent(line),
  );
  const begun = realEnv.clock.now();
  const { size, starter, requeue } = world;
  const outlook = world.time && new Outlook({
    ...world.time,
    config: choice.config,
    clock: realEnv.clock,
  });
  const view = new TrainConsole(terminal, realEnv.clock, { size, outlook });
  using signals = new StopSignals(terminal, (request) => view.asked(request));
  if (options.boolean("attached")) {
    endOfInput().then(() =>
      signals.ask({
        code: REQUEUE,
        cause: "who has started this run is gone",
        automatic: true,
      })
    );
  }
  let plan: RunPlan | undefined;
  const end = await trainRun({
    env: realEnv,
    choice,
    size,
    version: project.version,
    code,
    server: serverRequestOf((name) => options.string(name)),
    reserve: world.time?.budget.reserve,
    from: options.list("phases-from"),
    ...(starter === undefined ? {} : { starter }),
    gpus,
    observer: view,
    onPlan(made) {
      plan = made;
      view.plan(made, choice.config);
    },
    onStart: (about) => view.started(about),
    onStoppable(stop) {
      signals.forward(stop);
      if (world.time !== undefined) stopInTime(world.time, signals);
    },
  });
  const again = requeue && end.failure !== undefined &&
    end.progressed && (end.lossy || isLoss(end.failure));
  if (again) end.code = REQUEUE;
  // Put back into the queue, such a job would end so for ever.
  const left = world.time?.left ?? Infinity;
  const spent = (realEnv.clock.now() - begun) / 1000 > left / 2;
  const inVain = requeue && end.code === REQUEUE && !end.progressed && spent;
  if (inVain) end.code = 1;
  const report = end.gone ? undefined : await reportOf(choice, end, terminal);
  if (end.failure !== undefined) {
    const lines = describeFailure(end.failure, {
      ...end,
      runFolder: end.gone ? undefined : choice.folder,
    });
    for (const line of lines) terminal.urgent(line);
  }
  if (inVain) {
    terminal.urgent(
      "error: Cannot train in jobs so short: no step was reached",
    );
    terminal.urgent("hint: give them more --time, or less --reserve");
  }
  const profile = choice.config.profile.steps > 0 && !end.gone
    ? await writeTrace(realEnv.disk, choice.folder)
    : undefined;
  if (options.boolean("json")) {
    terminal.result(JSON.stringify(resultOf(choice, end, report)));
  } else if (end.failure === undefined) {
    show(terminal, { choice, end, report, plan });
    if (profile) showProfile(terminal, profile);
  }
  return end.code;
}

async function reportOf(
  { folder }: RunChoice,
  { failure }: TrainRunEnd,
  terminal: Console,
): Promise<string | undefined> {
  const { writeReport } = await import("../../src/report/mod.ts");
  try {
    return await writeReport(realEnv.disk, folder);
  } catch (error) {
    if (failure === undefined) throw error;
    // Why the run failed is worth more.
    terminal.note(`warning: no report: ${(error as Error).message}`);
    return undefined;
  }
}

function requestOf(options: Options) {
  const overrides = options.positional.filter((text) => text.includes("="));
  const files = options.positional.filter((text) => !text.includes("="));
  if (files.length > 1) {
    throw new ConfigError(
      `Cannot use both ${files[0]} and ${
        files[1]
      }: one configuration at a time`,
      { hint: "overrides look like key=value" },
    );
  }
  const ranks = options.number("ranks");
  if (options.boolean("profile")) {
    overrides.push(`profile.steps=${PROFILED_STEPS}`);
  }
  if (options.boolean("mixed")) overrides.push("mixed=true");
  if (ranks !== undefined) overrides.push(`ranks=${ranks}`);
  const folder = options.string("run-dir");
  const resume = options.string("resume");
  const fastSteps = options.number("fast-dev-run");
  return {
    overrides,
    ...(files[0] === undefined ? {} : { path: files[0] }),
    ...(folder === undefined ? {} : { folder }),
    ...(resume === undefined ? {} : { resume }),
    ...(fastSteps === undefined ? {} : { fastSteps }),
  };
}

/** Asks for a checkpoint while there is time for it. */
function stopInTime(
  { left, budget }: TimeLimit,
  signals: StopSignals,
): void {
  const seconds = left - budget.reserve;
  if (seconds > MAX_TIMER_SECONDS) return;
  realEnv.timers.after(
    Math.max(0, seconds) * 1000,
    () =>
      signals.ask({
        code: REQUEUE,
        cause: "the time limit is near",
        automatic: true,
      }),
  );
}

/** A machine has gone rather than the program failed: another try may succeed. */
function isLoss({ kind, signal }: Failure): boolean {
  return kind === "silent" || kind === "disconnected" ||
    (kind === "exit" && signal !== undefined);
}

function resultOf(
  choice: RunChoice,
  end: TrainRunEnd,
  report: string | undefined,
) {
  const phases = Object.fromEntries(end.summaries);
  return {
    schema: 1,
    run: end.gone ? null : choice.folder,
    exit_code: end.code,
    phases,
    shipped: decideShipped(phases),
    ...(report === undefined ? {} : { report }),
    ...(end.failure === undefined ? {} : { failure: end.failure }),
  };
}

function show(
  terminal: Console,
  { choice, end, report, plan }: {
    choice: RunChoice;
    end: TrainRunEnd;
    report: string | undefined;
    plan: RunPlan | undefined;
  },
): void {
  const { code, summaries, checkpoints } = end;
  if (summaries.size > 0) {
    for (const line of summaryTable(summaries)) terminal.result(line);
  }
  if (end.gone) {
    terminal.urgent("stopped  before a rank had come; nothing is left of it");
    return;
  }
  if (code !== 0) {
    const last = checkpoints.at(-1);
    terminal.urgent(
      `stopped  ${
        last === undefined ? "before the first checkpoint" : `after ${last}`
      }; go on with: deno task train --resume ${choice.folder}`,
    );
    return;
  }
  const { phase, reason } = decideShipped(Object.fromEntries(summaries));
  const selfTrained = plan?.phases.includes("selfTrain") === true;
  terminal.result(
    selfTrained && phase !== "selfTrain"
      ? `shipped  ${phase}, not selfTrain: ${reason}`
      : `shipped  ${phase ?? "nothing"}: ${reason}`,
  );
  const { test_accuracy: accuracy, pixel_ridge_accuracy: floor } =
    (phase && summaries.get(phase)) ?? {};
  if (typeof floor === "number" && accuracy! < floor) {
    terminal.result(
      "note     ridge regression on the pixels is better: train longer, or label more",
    );
  }
  terminal.result(`report   ${report}`);
}
