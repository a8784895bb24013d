import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { command, CommandProcess, isAlive } from "./train_process.ts";

const PROGRAMS = "tests/cluster/launch_programs.ts";

function sorted(text: string): string[] {
  return text.trim().split("\n").sort();
}

/** Waits for a minute. */
async function allGone(pids: readonly number[]): Promise<boolean> {
  const end = Date.now() + 60_000;
  while (pids.some(isAlive) && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return !pids.some(isAlive);
}

Deno.test("launch runs the pi example on any number of ranks with one result", async () => {
  const results = new Set<number>();
  for (const ranks of [1, 3]) {
    const { code, stdout } = await command(
      ["launch", "-n", `${ranks}`, "cluster/examples/pi.ts", "40000"],
    );
    strictEqual(code, 0);
    const line =
      /^\[0\] pi is about (\d\.\d{5}) after 40000 darts on \d ranks\n$/;
    match(stdout, line);
    results.add(Number(line.exec(stdout)![1]));
  }
  strictEqual(results.size, 1);
  // Three standard deviations of 40 000 darts.
  ok(Math.abs([...results][0]! - Math.PI) < 0.025);
});

Deno.test("launch keeps how links are used best, where ranks may write nothing else", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-tuning-" });
  const { code, stderr } = await command(
    ["launch", "-n", "2", "cluster/examples/ring.ts", "1"],
    { SIGNET_TUNING: `${folder}/links` },
  );
  strictEqual(code, 0, stderr);
  const [entry] = await Array.fromAsync(Deno.readDir(`${folder}/links`));
  const text = await Deno.readTextFile(`${folder}/links/${entry!.name}`);
  const { world, tuning } = JSON.parse(text);
  strictEqual(world, `auto: ${Deno.hostname()} x 2`);
  ok(tuning.nats.lanes >= 1 && tuning.direct.lanes === 1);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("launch runs the ring example", async () => {
  const { code, stdout } = await command(
    ["launch", "-n", "3", "cluster/examples/ring.ts", "4"],
  );
  strictEqual(code, 0);
  deepStrictEqual(sorted(stdout), [
    "[0] rank 0 has its block back: true",
    "[0] the token is back: sum 12 after 12 hops",
    "[1] rank 1 has its block back: true",
    "[2] rank 2 has its block back: true",
  ]);
});

Deno.test("launch runs the k-means example with the same bits on 1, 2 and 3 ranks", async () => {
  const results = new Set<string>();
  for (const ranks of [1, 2, 3]) {
    const { code, stdout } = await command(
      ["launch", "-n", `${ranks}`, "cluster/examples/k_means.ts", "1200"],
    );
    strictEqual(code, 0);
    match(stdout, /^\[0\] bits [0-9a-f]{64}$/m);
    results.add(stdout);
  }
  strictEqual(results.size, 1);
});

Deno.test("launch prefixes lines, passes arguments on and writes a log for each rank", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-launch-" });
  const { code, stdout, stderr } = await command([
    "launch",
    "-n",
    "2",
    `--per-rank-log=${folder}/logs`,
    PROGRAMS,
    "print",
    "--quiet",
  ]);
  strictEqual(code, 0);
  deepStrictEqual(sorted(stdout), [
    "[0] argument --quiet",
    "[0] no newline",
    "[1] argument --quiet",
    "[1] no newline",
  ]);
  deepStrictEqual(sorted(stderr), ["[0] to stderr", "[1] to stderr"]);
  const log = await Deno.readTextFile(`${folder}/logs/rank-1.log`);
  deepStrictEqual(sorted(log), ["argument --quiet", "no newline", "to stderr"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("launch ends with the exit code of the rank that failed first", async () => {
  const { code, stderr } = await command([
    "launch",
    "-n",
    "3",
    PROGRAMS,
    "fail",
  ]);
  strictEqual(code, 7);
  match(stderr, /^rank 1 ended with code 7; the others were ended$/m);
});

Deno.test("ranks that make different calls fail naming both", async () => {
  const { code, stdout } = await command(
    ["launch", "-n", "2", PROGRAMS, "mismatch"],
  );
  strictEqual(code, 1);
  match(
    stdout,
    /^\[[01]\] Cannot match call \d+ of ranks 0 and 1: rank 0 called all-reduce of sum f32\[3\] by tree, rank 1 called all-reduce of sum i32\[3\] by tree$/m,
  );
});

async function startWaiting(
  program = "wait",
  env: Record<string, string> = {},
): Promise<
  { launch: CommandProcess; pids: () => Promise<number[]> }
> {
  const launch = new CommandProcess(
    ["launch", "-n", "2", "--allow-run=sleep,setsid", PROGRAMS, program],
    env,
  );
  await launch.see(/\[0\] waiting/);
  await launch.see(/\[1\] waiting/);
  return {
    launch,
    pids: async () => {
      const { stdout } = await launch.end;
      return [...stdout.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
    },
  };
}

Deno.test("launch ends all ranks and exits with 130 when interrupted", async () => {
  const { launch, pids } = await startWaiting();
  launch.signal("SIGINT");
  strictEqual((await launch.end).code, 130);
  const ranks = await pids();
  strictEqual(ranks.length, 2);
  ok(await allGone(ranks));
});

Deno.test("launch ends ranks that do not heed it, and what they started, when interrupted twice", async () => {
  const { launch, pids } = await startWaiting("stubborn");
  launch.signal("SIGINT");
  await launch.see(/\[0\] not yet/);
  await launch.see(/\[1\] not yet/);
  // A second one that comes at once is taken for an echo of the first.
  const again = setInterval(() => {
    try {
      launch.signal("SIGINT");
    } catch {
      // It has ended.
    }
  }, 200);
  const { code } = await launch.end.finally(() => clearInterval(again));
  strictEqual(code, 130);
  const left = await pids();
  strictEqual(left.length, 4);
  ok(await allGone(left));
});

Deno.test("launch ends when interrupted although daemons of its ranks hold their output", async () => {
  const { launch, pids } = await startWaiting("daemon");
  launch.signal("SIGINT");
  strictEqual((await launch.end).code, 130);
  const daemons = await pids();
  strictEqual(daemons.length, 2);
  for (const pid of daemons) {
    ok(isAlive(pid));
    Deno.kill(pid);
  }
});

Deno.test("nothing is left of ranks, server and temporary files when their launcher is killed", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-launch-test-" });
  const { launch, pids } = await startWaiting("wait", { TMPDIR: folder });
  const files = () => Array.fromAsync(Deno.readDir(folder));
  strictEqual((await files()).length, 1);
  launch.signal("SIGKILL");
  const ranks = await pids();
  strictEqual(ranks.length, 2);
  ok(await allGone(ranks));
  while ((await files()).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Deno.remove(folder);
});

Deno.test("launch leaves no file behind when it cannot start", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-launch-test-" });
  for (
    const [option, problem] of [
      ["--nats=nowhere", /Cannot use --nats nowhere: it is no address/],
      ["--per-rank-log=/dev/null/logs", /Cannot write logs of ranks into/],
    ] as const
  ) {
    const { code, stderr } = await command(
      ["launch", "-n", "2", option, PROGRAMS, "print"],
      { TMPDIR: folder },
    );
    strictEqual(code, 2, stderr);
    match(stderr, problem);
    deepStrictEqual(await Array.fromAsync(Deno.readDir(folder)), []);
  }
  await Deno.remove(folder);
  const nowhere = await command(
    ["launch", "-n", "2", PROGRAMS, "print"],
    { TMPDIR: folder },
  );
  strictEqual(nowhere.code, 3, nowhere.stderr);
  match(nowhere.stderr, /^error: Cannot make a temp.*\nhint: set TMPDIR/m);
});

Deno.test("launch refuses bad usage with exit code 2", async () => {
  const cases: [string[], RegExp][] = [
    [["launch", PROGRAMS], /-n : 1 to 64 ranks are possible/],
    [["launch", "-n", "65", PROGRAMS], /-n 65: 1 to 64/],
    [["launch", "-n", "2"], /the program is missing/],
    [["launch", "-n", "2", "no_such.ts"], /there is no such file/],
    [
      ["launch", "-n", "2", "--per-rank-lgo=x", PROGRAMS],
      /did you mean --per-rank-log/,
    ],
    [
      ["launch", "-n", "2", "--collectives", "best", PROGRAMS],
      /there are auto, ring/,
    ],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await command(args);
    strictEqual(code, 2, args.join(" "));
    match(stderr, message);
  }
});
