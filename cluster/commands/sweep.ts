import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Console, table } from "../console.ts";
import { surveyGpus } from "../gpus/mod.ts";
import {
  allowedCores,
  checkInputs,
  chooseRun,
  FreshRun,
  requestedConfig,
} from "../launch/mod.ts";
import {
  columnsOf,
  figureNames,
  LABELS_KEY,
  type Member,
  memberFolder,
  membersFolder,
  parseAxis,
  parseLabels,
  planSweep,
  readMember,
  runMember,
  runMembers,
  type SettingResult,
  SharedPhases,
  type Slot,
  slotsOf,
  STOPPED,
  type SweepPlan,
  toJson,
  writeSweep,
  WRONG,
} from "../sweep/mod.ts";
import { codeHash } from "../version.ts";
import { type Options, parseOptions } from "./options.ts";

const HELP = `Usage: sweep [CONFIG…] [key=value…] [options]

Trains every combination of settings with several seeds and compares them: mean, standard deviation and 95 % interval, and accuracy over the
number of labels. A phase that would end the same in several runs is done once.

  CONFIG            a JSON file (default: configs/default.json); several are
                    compared
  key=value         overrides a key in all runs
  --labels 4,25,0   labelled images a class; 0 = all, without self-training
  --grid key=a,b    values of another key; several keys: --grid 'k=a,b;l=1,2'
  --seeds N         runs of each setting (default 3), from the configuration's seed
  --figure NAME     figure of the summary (default test_accuracy)
  --out DIR         folder of the sweep (default: runs/<time>-sweep-<name>); one that is
                    there goes on: finished runs are kept
  --ranks N         processes of each run
  --at-once N       runs at the same time, each with GPUs of its own or, on the CPU,
                    cores (default 1; auto: as many as there are for all ranks);
                    ranks=auto is then 1 a run
  --dry-run         lists the runs and ends
  --quiet           no progress of the runs
  --json            the result as one JSON object on stdout

The folder holds members/ with all runs, results.csv, results.json, members.csv and
report.html. Exit code 1 when a run failed; the others go on. Ctrl-C stops the runs with
checkpoints; the same command goes on with them.

Examples:
  deno task sweep configs/cifar10.json --labels 4,25,100 --seeds 3
  deno task sweep bench/accuracy/*.json --seeds 3
  deno task sweep --grid phases.selfTrain.method=fixmatch,softmatch --out runs/methods`;

/** Trains and compares many settings; resolves with the exit code. */
export async function sweep(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "sweep",
    string: ["labels", "grid", "figure", "out", "at-once"],
    number: ["seeds", "ranks"],
    boolean: ["dry-run", "quiet", "json", "help"],
  });
  const terminal = new Console(realEnv, { quiet: options.boolean("quiet") });
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const { disk } = realEnv;
  const overrides = options.positional.filter((text) => text.includes("="));
  const configs = options.positional.filter((text) => !text.includes("="));
  const labels = options.string("labels");
  const grid = options.string("grid")?.split(";") ?? [];
  const axes = [
    ...(labels === undefined ? [] : [parseLabels(labels)]),
    ...grid.map(parseAxis),
  ];
  const { config, folder: free } = await chooseRun(
    realEnv,
    requestOf(configs[0] ?? null, overrides),
  );
  const plan = planSweep({
    configs,
    overrides,
    axes,
    firstSeed: config.seed,
    seeds: options.number("seeds") ?? 3,
  });
  const folder = (options.string("out") ?? sweepFolder(free))
    .replace(/(?<=.)\/+$/, "");
  await checkMembers(folder, plan);
  if (options.boolean("dry-run")) {
    for (const member of plan.members) {
      terminal.result(
        `${memberFolder(folder, member)}  ${member.overrides.join(" ")}`,
      );
    }
    return 0;
  }
  await using fresh = await FreshRun.at(disk, folder);
  await keepPlan(folder, plan);
  await disk.makeFolder(membersFolder(folder));
  const figure = options.string("figure") ?? "test_accuracy";
  const read = (member: Member) => readMember(disk, { member, folder, figure });
  const members = await Promise.all(plan.members.map(read));
  const title = configs.length > 1 ? "several recipes" : config.name;
  const write = () =>
    writeSweep(disk, { folder, plan, figure, members, title });
  let result = await write();
  const slots = await slotsFor(options, config.ranks);
  const several = slots.length > 1;
  const shared = new SharedPhases(disk, await codeHash(disk));
  for (const member of plan.members) {
    await shared.add(memberFolder(folder, member));
  }
  const left = plan.members.entries().toArray().filter(([i, member]) => {
    const done = members[i]!.state === "done";
    const place = `${i + 1}/${plan.members.length}`;
    if (done) terminal.note(`kept   ${place}  ${member.name}`);
    return !done;
  });
  // One after the other, though runs may end together.
  let updates = Promise.resolve(result);
  const running = new Set<string>();
  const trainMember = async ([i, member]: [number, Member], slot: Slot) => {
    const place = `${i + 1}/${plan.members.length}`;
    terminal.note(`sweep  ${place}  ${member.name}`);
    const own = memberFolder(folder, member);
    for (const other of running) await shared.add(other);
    running.add(own);
    const request = requestOf(member.config, [
      ...overrides,
      ...member.overrides,
    ]);
    const code = await runMember(plan, member, {
      folder: own,
      donors: await shared.donorsOf(await requestedConfig(disk, request)),
      slot,
      quiet: several || options.boolean("quiet"),
    });
    running.delete(own);
    await shared.add(own);
    members[i] = await read(member);
    updates = updates.then(write);
    result = await updates;
    if (STOPPED.includes(code)) terminal.urgent(`stopped  ${member.name}`);
    else if (code !== 0) {
      terminal.urgent(`failed   ${member.name} with exit code ${code}`);
    } else if (several) terminal.note(`done   ${place}  ${member.name}`);
    return code;
  };
  fresh.kept = true;
  const code = await runMembers(left, {
    slots,
    alike: ([, one], [, other]) =>
      one.seed === other.seed && one.config === other.config,
    train: trainMember,
  });
  if (STOPPED.includes(code)) {
    terminal.urgent(`go on    with the same command and --out ${folder}`);
  }
  if (code > 1) {
    // Refused before anything was done: the next try may be another sweep.
    fresh.kept = !WRONG.includes(code) || await anyBegun(folder, plan);
    return code;
  }
  const done = members.find(({ state }) => state === "done");
  if (done !== undefined && columnsOf(result.settings).length === 0) {
    const names = await figureNames(disk, memberFolder(folder, done));
    terminal.urgent(`warning: no run has the figure ${figure}`);
    terminal.urgent(
      `hint: --out ${folder} --figure with one of ${names.join(" ")}`,
    );
  }
  if (options.boolean("json")) {
    terminal.result(JSON.stringify({ schema: 1, folder, ...toJson(result) }));
  } else {
    for (const line of describe(plan, result.settings)) terminal.result(line);
    terminal.result(`report   ${folder}/report.html`);
  }
  return code;
}

/** Tells what is wrong or missing for any of the runs before the first one starts. */
async function checkMembers(folder: string, plan: SweepPlan): Promise<void> {
  const { disk } = realEnv;
  const checked = new Set<string>();
  for (const member of plan.members) {
    const config = await requestedConfig(
      disk,
      requestOf(member.config, [...plan.overrides, ...member.overrides]),
    );
    // The seed decides which images are taken, not whether there are enough.
    const inputs = JSON.stringify({ ...config, seed: 0 });
    const begun = `${memberFolder(folder, member)}/config.json`;
    if (checked.has(inputs) || await disk.stat(begun)) continue;
    checked.add(inputs);
    await checkInputs(realEnv, { config, resumed: false });
  }
}

async function anyBegun(
  folder: string,
  { members }: SweepPlan,
): Promise<boolean> {
  const found = await Promise.all(
    members.map((member) => realEnv.disk.stat(memberFolder(folder, member))),
  );
  return found.some((entry) => entry !== undefined);
}

/** What each run has of this machine; one alone has all. */
async function slotsFor(
  options: Options,
  ranks: number | "auto",
): Promise<Slot[]> {
  const text = options.string("at-once") ?? "1";
  const own = options.number("ranks");
  if (text === "1") {
    return [{ args: own === undefined ? [] : [`--ranks=${own}`] }];
  }
  if (text !== "auto" && !/^[1-9]\d{0,3}$/.test(text)) {
    throw new ConfigError(`Cannot use --at-once ${text}: a number, or auto`);
  }
  const { usable } = await surveyGpus(realEnv, {
    wish: "auto",
    lookup: (name) => Deno.env.get(name),
  });
  return slotsOf({
    gpus: usable.map(({ uuid }) => uuid),
    cores: usable.length > 0 ? [] : await allowedCores(),
  }, {
    atOnce: text === "auto" ? text : Number(text),
    ranks: own ?? (ranks === "auto" ? 1 : ranks),
  });
}

function requestOf(path: string | null, overrides: readonly string[]) {
  return { overrides, ...(path === null ? {} : { path }) };
}

/** `runs/<time>-sweep-<name>` beside where a run would lie. */
function sweepFolder(run: string): string {
  return run.replace(/(\d{4}-\d\d-\d\d-\d{4})-/, "$1-sweep-");
}

/** Writes the plan, or sees that the folder's own is the same. */
async function keepPlan(folder: string, plan: SweepPlan): Promise<void> {
  const { disk } = realEnv;
  const file = `${folder}/sweep.json`;
  const text = `${JSON.stringify(plan, null, 2)}\n`;
  if (await disk.stat(file)) {
    if (await disk.readText(file) === text) return;
    throw new ConfigError(
      `Cannot sweep in ${folder}: it holds another sweep`,
      { hint: `${file} says which; give another --out` },
    );
  }
  await disk.makeFolder(folder);
  await disk.write(file, text);
}

function describe(
  { axes }: SweepPlan,
  settings: readonly SettingResult[],
): string[] {
  const columns = columnsOf(settings);
  const number = (value: number) => (100 * value).toFixed(1);
  return table([
    [
      axes.map(({ key }) => key === LABELS_KEY ? "labels" : key).join(" ") ||
      "setting",
      "runs",
      ...columns,
    ],
    ...settings.map(({ setting, estimates }) => [
      axes.map(({ key }) => setting[key]!).join(" ") || "all",
      String(
        Math.max(0, ...Object.values(estimates).map(({ count }) => count)),
      ),
      ...columns.map((column) => {
        const found = estimates[column];
        if (found === undefined) return "-";
        const { mean, deviation, low, high } = found;
        return Number.isNaN(deviation)
          ? number(mean)
          : `${number(mean)} ± ${number(deviation)} (${number(low)} to ${
            number(high)
          })`;
      }),
    ]),
  ]);
}
