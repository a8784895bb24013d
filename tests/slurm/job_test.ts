import { deepStrictEqual, match, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { ownAddress } from "../../cluster/launch/mod.ts";
import { jobOf, RANK_SCRIPT, slurmStarter } from "../../cluster/slurm/mod.ts";
import {
  CommandProcess,
  eventsOf,
  isAlive,
  ranksOf,
  readJson,
  teacherOnly,
  withTinyRun,
} from "../cluster/train_process.ts";

/** Starts a run inside a job of one node, on which programs stand in for SLURM's. */
async function withJob(
  srun: string,
  left: string,
  use: (
    train: (...words: string[]) => CommandProcess,
    run: string,
  ) => Promise<void>,
  others: Record<string, string> = {},
): Promise<void> {
  await withTinyRun(async ({ folder, config }) => {
    await Deno.mkdir(`${folder}/bin`);
    const programs = {
      // A busy controller: nothing comes of the first question.
      squeue:
        `mkdir '${folder}/asked' && echo "error: Socket timed out" >&2 && exit 1
case "$*" in *%L) echo ${left} ;; *" -s "*) cat '${folder}/steps' ;; esac`,
      scontrol: "echo NodeName=n1 NodeAddr=127.0.0.1",
      srun,
      ...others,
    };
    for (const [name, body] of Object.entries(programs)) {
      const path = `${folder}/bin/${name}`;
      await Deno.writeTextFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    }
    const run = `${folder}/run`;
    const env = {
      PATH: `${folder}/bin:${Deno.env.get("PATH")}`,
      SLURM_JOB_ID: "1",
      SLURM_JOB_NODELIST: "n1",
      SLURM_TASKS_PER_NODE: "2",
      SLURM_NTASKS: "2",
      SLURMD_NODENAME: "n1",
    };
    await use(
      (...words) =>
        new CommandProcess(
          ["train", config, "--launcher=slurm", `--run-dir=${run}`, ...words],
          env,
        ),
      run,
    );
  });
}

Deno.test("train asks for no requeue where a job has spent its time without a step", async () => {
  await withJob("exec sleep 60", "0:02", async (train) => {
    const { code, stderr } = await train("--reserve=1").end;
    strictEqual(code, 1, stderr);
    match(
      stderr,
      /^error: Cannot train in jobs so short: no step was reached$/m,
    );
  });
});

/** Runs the tasks here, as of two nodes. */
const SRUN = `while [ "$1" != sh ]; do shift; done
export SLURM_NTASKS=2 SLURM_STEP_ID=0 SLURM_CPUS_PER_TASK=1 SLURM_LOCALID=0
for SLURM_PROCID in 0 1; do
  export SLURM_PROCID
  "$@" &
done
wait`;

Deno.test("train asks for a requeue when a rank is lost after a checkpoint and the run is to stop then", async () => {
  await withJob(SRUN, "10:00", async (train, run) => {
    const started = train("onRankLoss=stop", ...teacherOnly(900));
    await started.see(/^teacher +\d+/);
    await started.seeFile(`${run}/checkpoints/last`);
    const [, lost] = await ranksOf(run);
    Deno.kill(lost!, "SIGKILL");
    const { code, stderr } = await started.end;
    strictEqual(code, 75, stderr);
    match(stderr, /^error: rank 1 .* killed by SIGKILL$/m);
  });
});

Deno.test("train that went on with fewer ranks and failed asks for a requeue, and goes on with all of them", async () => {
  const steps = 100;
  await withJob(SRUN, "10:00", async (train, run) => {
    const words = ["--resume=auto", ...teacherOnly(steps)];
    const started = train(...words);
    await started.see(/^teacher +\d+/);
    await started.seeFile(`${run}/checkpoints/last`);
    const [only, lost] = await ranksOf(run);
    Deno.kill(lost!, "SIGKILL");
    await started.see(/^warning: rank 1 .* 1 rank goes on from the step/);
    Deno.kill(only!, "SIGKILL");
    const { code, stderr } = await started.end;
    strictEqual(code, 75, stderr);
    match(stderr, /^error: rank 0 .* killed by SIGKILL$/m);

    const again = await train(...words).end;
    strictEqual(again.code, 0, again.stderr);
    const events = await eventsOf(run);
    deepStrictEqual(
      events.filter(({ event }) => event === "joined").map(({ rank }) => rank)
        .toSorted(),
      [0, 0, 1, 1],
    );
    const metrics = await Deno.readTextFile(`${run}/metrics.jsonl`);
    const trained = metrics.trim().split("\n").map((line) => JSON.parse(line))
      .filter(({ split }) => split === "train").map(({ step }) => step);
    deepStrictEqual(trained, [...new Set(trained)].toSorted((a, b) => a - b));
    strictEqual(trained.at(-1), steps);
    const { state, ranks } = await readJson(`${run}/run.json`);
    strictEqual(state, "done");
    strictEqual(JSON.stringify(ranks).includes("lost"), false);
  });
});

/** As {@linkcode SRUN}, with a shell beside it that somebody has in the same job. */
const SRUN_BESIDE = `steps=\${0%/*}/../steps
for word in "$@"; do
  case $word in --job-name=*) printf '1.0 %s\\n1.1 bash\\n' "\${word#*=}" >"$steps" ;; esac
done
echo $$ >"$steps.group"
${SRUN}`;

Deno.test("train that is to end at once ends its own step of the job, and no other", async () => {
  await withJob(SRUN_BESIDE, "10:00", async (train, run) => {
    const started = train(
      "timeouts.heartbeatSeconds=60",
      "timeouts.progressSeconds=60",
      ...teacherOnly(900),
    );
    await started.see(/^teacher +\d+/);
    // No rank saves a checkpoint before the second signal.
    const ranks = await ranksOf(run);
    for (const pid of ranks) Deno.kill(pid, "SIGSTOP");
    started.signal("SIGINT");
    await started.see(/^stop {3}SIGINT: saving/);
    await new Promise((resolve) => setTimeout(resolve, 600));
    started.signal("SIGINT");
    const { code, stderr } = await started.end;
    strictEqual(code, 130, stderr);
    strictEqual(
      await Deno.readTextFile(`${run}/../ended`),
      "--signal=KILL 1.0\n",
    );
    while (ranks.some(isAlive)) await realEnv.timers.sleep(20);
  }, {
    scancel: `echo "$*" >"\${0%/*}/../ended"
kill -KILL "-$(cat "\${0%/*}/../steps.group")"`,
  });
});

Deno.test("slurmStarter() has nodes come to the address of a machine that is none of them", async () => {
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH")!;
  try {
    const scontrol =
      '#!/bin/sh\nfor n in 1 2; do echo "NodeName=n$n NodeAddr=192.0.2.$n"; done\n';
    await Deno.writeTextFile(`${folder}/scontrol`, scontrol, { mode: 0o755 });
    Deno.env.set("PATH", `${folder}:${path}`);
    const starter = (variables: Record<string, string>, host?: string) => {
      const known: Record<string, string> = {
        SLURM_JOB_ID: "1",
        SLURM_JOB_NODELIST: "n[1-2]",
        SLURM_TASKS_PER_NODE: "1(x2)",
        SLURM_NTASKS: "2",
        ...variables,
      };
      return slurmStarter(jobOf((name) => known[name]), host);
    };
    const onNode = await starter({ SLURMD_NODENAME: "n2" });
    deepStrictEqual([onNode.node, onNode.host], ["n2", "192.0.2.2"]);
    // As salloc leaves its shell on the login node.
    const outside = await starter({});
    deepStrictEqual([outside.node, outside.host], [undefined, ownAddress()]);
    strictEqual((await starter({}, "10.0.0.7")).host, "10.0.0.7");
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a task whose coordinator is gone gives its job back, once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet task " });
  try {
    for (const path of ["bin", "cluster", "run/logs"]) {
      await Deno.mkdir(`${folder}/${path}`, { recursive: true });
    }
    const program = (path: string, body: string) =>
      Deno.writeTextFile(`${folder}/${path}`, `#!/bin/sh\n${body}\n`, {
        mode: 0o755,
      });
    await program("cluster/run.sh", 'exit "$CODE"');
    await program(
      "bin/scontrol",
      `[ ! -f "busy $1" ] || { rm "busy $1"; exit 1; }
case "$1" in
show) printf '   JobState=%s Reason=None\\n   Requeue=1 Restarts=1 BatchFlag=%s Reboot=0\\n' "$STATE" "$BATCH" ;;
*) echo "scontrol $*" >>calls ;;
esac`,
    );
    await program("bin/sleep", 'echo "sleep $*" >>calls');
    await program("bin/scancel", 'echo "scancel $*" >>calls');
    /** Code of the task, what it says to srun, and what it does to the job. */
    const task = async (
      variables: Record<string, string>,
      run = `${folder}/run`,
    ) => {
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", RANK_SCRIPT, "rank", run, "7"],
        cwd: folder,
        env: {
          PATH: `${folder}/bin:/usr/bin:/bin`,
          SLURM_PROCID: "3",
          SLURMD_NODENAME: "n2",
          SLURM_CPUS_PER_TASK: "1",
          ...variables,
        },
      }).output();
      const calls = await Deno.readTextFile(`${folder}/calls`).catch(() => "");
      await Deno.remove(`${folder}/calls`).catch(() => {});
      return [code, new TextDecoder().decode(stderr).trim(), calls.trim()];
    };
    const ended = (code: number) => `signet: rank 3 ended with code ${code}`;
    deepStrictEqual(await task({ CODE: "0" }), [0, ended(0), ""]);
    const lost = {
      CODE: "75",
      STATE: "RUNNING",
      BATCH: "1",
      SLURM_RESTART_COUNT: "1",
    };
    const others: Record<string, string>[] = [
      { STATE: "COMPLETING" },
      { BATCH: "0" },
      // The job runs again already.
      { SLURM_RESTART_COUNT: "0" },
    ];
    for (const other of others) {
      deepStrictEqual(
        await task({ ...lost, ...other }),
        [75, ended(75), ""],
      );
    }
    await Deno.writeTextFile(`${folder}/run/config.json`, "{}");
    // Nothing to go on from: the job would come to the same end again.
    deepStrictEqual(await task(lost), [75, ended(75), "scancel 7"]);
    // Of an earlier life.
    await Deno.mkdir(`${folder}/run/checkpoints`);
    const last = `${folder}/run/checkpoints/last`;
    await Deno.writeTextFile(last, "teacher-10");
    await Deno.utime(last, 0, 0);
    deepStrictEqual(await task(lost), [75, ended(75), "scancel 7"]);
    await Deno.utime(`${folder}/run/config.json`, 0, 0);
    await Deno.writeTextFile(last, "teacher-20");
    deepStrictEqual(await task(lost), [75, ended(75), "scontrol requeue 7"]);
    // The controller is busy.
    for (const request of ["show", "requeue"]) {
      await Deno.writeTextFile(`${folder}/busy ${request}`, "");
    }
    deepStrictEqual(await task(lost), [
      75,
      ended(75),
      "sleep 2\nsleep 10\nscontrol requeue 7",
    ]);
    const job = { SIGNET_JOB: "1", SIGNET_JOBS: "2" };
    deepStrictEqual(
      await task({ ...lost, ...job }),
      [75, ended(75), "scancel 7"],
    );
    deepStrictEqual(await task(lost, `${folder}/none`), [
      3,
      `signet: rank 3 says error: n2 does not see ${folder}/none: give --run-dir on a disk that all nodes share`,
      "",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
