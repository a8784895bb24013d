import { type Env, SignetError } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import { parseJunit, type TestResult } from "./junit.ts";

/** Seconds after which a group is ended and counts as failed. */
const GROUP_LIMIT = 900;

/** The groups in order: the cheap ones that fail first come first. */
export const GROUPS = [
  "format",
  "lint",
  "check",
  "unit",
  "simulation",
  "gpu",
  "golden",
  "cluster",
  "slurm",
  "chaos",
  "browser",
  "doc",
] as const;
export type Group = typeof GROUPS[number];

/** Groups that wait for time to pass more than they compute: they run side by side. */
const SIDE_BY_SIDE: readonly Group[] = ["slurm", "chaos"];

/** What runs at a time, in order. */
export function stagesOf(groups: readonly Group[]): Group[][] {
  const stages: Group[][] = [];
  for (const group of groups) {
    const last = stages.at(-1);
    const joins = [group, last?.[0]].every((one) =>
      one !== undefined && SIDE_BY_SIDE.includes(one)
    );
    if (joins && !last!.includes(group)) last!.push(group);
    else stages.push([group]);
  }
  return stages;
}

/** Choices of one run of the suite. */
export interface GroupOptions {
  env: Env;
  /** Only tests with this text, or `/pattern/`, in their name. */
  filter?: string;
  failFast?: boolean;
  /** When the output of tests is shown; default live. */
  output?: "live" | "at the end";
}

const SOURCES = ["mod.ts", "src", "cluster", "tests", "bench"];

async function existing(env: Env, paths: readonly string[]) {
  const found = await Promise.all(paths.map((path) => env.disk.stat(path)));
  return paths.filter((_, i) => found[i] !== undefined);
}

/** The packages in the checkout, and no look at the network. */
const LOCKED = ["--cached-only", "--frozen", "--node-modules-dir=manual"];

/**
 * Runs Deno with its output on our terminal, at once or when it has ended; resolves
 * with the exit code.
 */
async function deno(
  env: Env,
  args: readonly string[],
  output: "live" | "at the end" = "live",
): Promise<number> {
  const stream = output === "live" ? "inherit" : "piped";
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdin: "null",
    stdout: stream,
    stderr: stream,
    env: {
      DENO_WEBGPU_BACKEND: "vulkan",
      DENO_NO_UPDATE_CHECK: "1",
      ...(Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" }),
    },
  }).spawn();
  let late = false;
  const cancel = env.timers.after(GROUP_LIMIT * 1000, () => {
    late = true;
    child.kill("SIGKILL");
  });
  if (output === "live") await child.status;
  else {
    const texts = await Promise.all(
      [child.stdout, child.stderr].map((bytes) => new Response(bytes).text()),
    );
    new Console(env).result(texts.join("").trim());
  }
  const { code } = await child.status;
  cancel();
  if (late) {
    throw new SignetError(
      `Cannot finish deno ${args[0]}: not done after ${GROUP_LIMIT} s`,
    );
  }
  return code;
}

/** A check without tests of its own counts as one. */
async function single(
  env: Env,
  name: string,
  args: readonly string[],
): Promise<TestResult[]> {
  const code = await deno(env, args);
  return [
    code === 0 ? { name } : { name, failure: `deno ${args[0]}: exit ${code}` },
  ];
}

/** Runs `deno test` and reads each test's outcome from its report. */
export async function denoTest(
  name: string,
  paths: readonly string[],
  options: GroupOptions,
  flags: readonly string[] = [],
): Promise<TestResult[]> {
  const { env, filter, failFast, output } = options;
  const report = `.tools/cache/test-${name}.xml`;
  await env.disk.makeFolder(".tools/cache");
  await env.disk.remove(report);
  const code = await deno(env, [
    "test",
    "--quiet",
    "--no-check",
    ...LOCKED,
    "--permission-set=all",
    `--junit-path=${report}`,
    ...(filter === undefined ? [] : [`--filter=${filter}`]),
    ...(failFast ? ["--fail-fast"] : []),
    ...flags,
    ...paths,
  ], output);
  const results = await env.disk.stat(report)
    ? parseJunit(await env.disk.readText(report), filter)
    : [];
  if (code !== 0 && results.every((result) => result.failure === undefined)) {
    results.push({ name, failure: `deno test ${paths[0]}: exit ${code}` });
  }
  return results;
}

/** Files with tests in a folder, by name. */
async function testFiles(env: Env, folder: string): Promise<string[]> {
  if (await env.disk.stat(folder) === undefined) return [];
  const files: string[] = [];
  for (const { name, kind } of await env.disk.list(folder)) {
    const path = `${folder}/${name}`;
    if (kind === "folder") files.push(...await testFiles(env, path));
    else if (name.endsWith("_test.ts")) files.push(path);
  }
  return files.sort();
}

/** So many keep two cores busy. */
const LANES = 3;
/** These compare how fast processes are: nothing else may run meanwhile. */
const ALONE = /\/straggler_test\.ts$/;

/**
 * Runs each file in a process of its own, {@linkcode LANES} at once: most of a test on
 * a CPU adapter is one thread's work, compilation and the host, and processes of a run
 * wait for each other.
 */
async function inProcesses(
  folder: string,
  options: GroupOptions,
): Promise<TestResult[]> {
  const files = await testFiles(options.env, folder);
  const results: TestResult[] = [];
  let failed = false;
  const work = async (queue: string[]) => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      if (options.failFast && failed) return;
      const name = file.replaceAll("/", "-").replace(/\.ts$/, "");
      const found = await denoTest(name, [file], {
        ...options,
        output: "at the end",
      });
      results.push(...found);
      failed ||= found.some(({ failure }) => failure !== undefined);
    }
  };
  const queue = files.filter((file) => !ALONE.test(file));
  await Promise.all(Array.from({ length: LANES }, () => work(queue)));
  await work(files.filter((file) => ALONE.test(file)));
  return results;
}

/** Runs one group; a folder without tests has none. */
export async function runGroup(
  group: Group,
  options: GroupOptions,
): Promise<TestResult[]> {
  const { env } = options;
  switch (group) {
    case "format":
      return single(env, "format", ["fmt", "--check"]);
    case "lint":
      return single(env, "lint", ["lint"]);
    case "check":
      return single(env, "check", [
        "check",
        "--quiet",
        "--frozen",
        ...await existing(env, SOURCES),
      ]);
    case "doc":
      return denoTest(
        "doc",
        await existing(env, ["mod.ts", "src", "cluster"]),
        options,
        [
          "--doc",
          "--permit-no-files",
        ],
      );
    default: {
      const folder = `tests/${group}`;
      if ((await testFiles(env, folder)).length === 0) return [];
      if (group === "gpu" || group === "cluster") {
        return await inProcesses(folder, options);
      }
      const light = group === "unit" || group === "simulation";
      return denoTest(group, [folder], options, light ? ["--parallel"] : []);
    }
  }
}
