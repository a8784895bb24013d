import { match, ok, rejects, strictEqual } from "node:assert";
import { command, withTinyRun } from "../cluster/train_process.ts";

/** A sinfo with a partition of GPUs, which this machine's real one cannot have. */
const SINFO = `#!/bin/sh
echo 'main*|2:00:00|gpu:t4:4(S:0-1)|16|8'
echo 'new|2:00:00|gpu:a100:4|16|2'
echo 'cut|2:00:00|gpu:a100_3g.20gb:2|16|2'
echo 'debug|30:00|(null)|4|2'
`;

Deno.test("slurm writes a script from the partition's facts and says what does not fit", async () => {
  await withTinyRun(async ({ folder, config }) => {
    await Deno.mkdir(`${folder}/bin`);
    await Deno.writeTextFile(`${folder}/bin/sinfo`, SINFO, { mode: 0o755 });
    const env = { PATH: `${folder}/bin:/usr/bin:/bin` };
    const run = `${folder}/90%/run`;
    const verb = (...words: string[]) =>
      command(["slurm", config, `--run-dir=${run}`, ...words], env);

    const plain = await verb(
      "ranks=auto",
      "--nodes=2",
      "--images-per-second=1",
      "--jobs=1",
      "--dry-run",
    );
    strictEqual(plain.code, 0, plain.stderr);
    for (
      const line of [
        /^#SBATCH --gres=gpu:4$/m,
        /^#SBATCH --output=\S*\/90%%\/run\/slurm-%j\.log$/m,
        /^#SBATCH --ntasks-per-node=4$/m,
        /^#SBATCH --cpus-per-task=4$/m,
        /^#SBATCH --time=02:00:00$/m,
        /^#SBATCH --signal=B:USR1@180$/m,
      ]
    ) match(plain.stdout, line);
    match(
      plain.stderr,
      /^job {4}8 ranks: 2 nodes of main \(each 4 ranks on 4 GPUs\); limit /m,
    );
    match(
      plain.stderr,
      /^time {3}544 images at 1\/s: 00:09:04, 1\.2 GPU hours, in 1 job$/m,
    );
    ok(!await Deno.stat(run).catch(() => undefined));

    const chain = await verb(
      "ranks=auto",
      "--nodes=1,1",
      "--partition=main,new",
      "--images-per-second=1",
      "--time=6",
      "--jobs=4",
      "--dry-run",
    );
    strictEqual(chain.code, 0, chain.stderr);
    match(chain.stdout, /^export SIGNET_JOB=1 SIGNET_JOBS=4$/m);
    match(chain.stderr, /in 3 jobs: will finish in job 3 of 4$/m);
    match(chain.stderr, /^warning: .*\(t4, a100\): .*, unless mixed=true$/m);

    const array = await verb(
      "ranks=auto",
      "--nodes=1",
      "--array=1-3",
      "--images-per-second=0.5",
      "--sbatch",
      "--account=lab -q long",
      "--json",
      "--dry-run",
    );
    strictEqual(array.code, 0, array.stderr);
    const { script, ranks } = JSON.parse(array.stdout);
    strictEqual(ranks, 4);
    match(script, /^#SBATCH --array=1-3$/m);
    match(script, /^#SBATCH --account=lab -q long$/m);
    match(
      array.stderr,
      / at 0\.5\/s: 00:18:08 each, 3\.6 GPU hours for all 3, in 1 job each$/m,
    );
    match(
      script,
      /^set -- .* "seed=\$SLURM_ARRAY_TASK_ID" \S+\/run"\/seed-\$SLURM_ARRAY_TASK_ID"$/m,
    );

    const slices = await verb("--nodes=1", "--partition=cut", "--dry-run");
    match(slices.stderr, /^warning: a100_3g\.20gb is a slice /m);

    const wrong = [
      [["--nodes=9", "ranks=auto"], 2, /the partition main has 8 with GPUs$/m],
      [
        ["--nodes=1", "--partition=x"],
        2,
        /^hint: partitions: main new cut debug$/m,
      ],
      [
        ["--nodes=1", "--time=1", "ranks=auto"],
        2,
        /^hint: more --time/m,
      ],
      [["--nodes=1", "--ranks-per-node=8"], 2, /has 4 GPUs a node/],
      [["--nodes=1"], 2, /Cannot submit 2 ranks: the nodes have places for 4/],
      [["--nodes=1", "--time=3:00:00", "ranks=auto"], 2, /limit is 02:00:00$/m],
      [["--nodes=1,1", "--array=1-2", "ranks=auto"], 2, /no such jobs$/m],
      [["--nodes=1", "--array=5-1", "ranks=auto"], 2, /it has no numbers$/m],
      [["--nodes=1,1,1", "--partition=main,new"], 2, /^hint: .* one for all$/m],
      [
        ["--nodes=1", "--images-per-second=0", "ranks=auto"],
        2,
        /it is no pace$/m,
      ],
      [["--nodes=1", "--sbatch"], 2, /--sbatch: it needs one value$/m],
      [["--nodes=1", "other.json"], 2, /one configuration at a time$/m],
      [
        ["--nodes=1", "student.weights=none.safetensors"],
        2,
        /student\.weights none\.safetensors: there is no such file$/m,
      ],
      [[], 2, /--nodes is missing/],
    ] as const;
    for (const [words, code, text] of wrong) {
      const end = await verb(...words, "--dry-run");
      strictEqual(end.code, code);
      match(end.stderr, text);
    }
    const refusing = '#!/bin/sh\necho "sbatch: error: no" >&2; exit 1\n';
    await Deno.writeTextFile(`${folder}/bin/sbatch`, refusing, { mode: 0o755 });
    const refused = await verb("--nodes=1", "ranks=auto");
    strictEqual(refused.code, 3, refused.stderr);
    await rejects(
      Deno.stat(run),
      Deno.errors.NotFound,
      "leaves no folder",
    );
    // The second of three is refused.
    const sbatch = `#!/bin/sh
case "$*" in *afterany*) echo "sbatch: error: Job violates policy" >&2; exit 1 ;; esac
echo 71
`;
    await Deno.writeTextFile(`${folder}/bin/sbatch`, sbatch, { mode: 0o755 });
    const half = await verb("--nodes=1", "ranks=auto", "--jobs=3");
    strictEqual(half.code, 3, half.stderr);
    match(half.stderr, /Job violates policy\nhint: .*: scancel 71$/);
    await Deno.remove(`${folder}/bin/sinfo`);
    const nowhere = await verb("--nodes=1");
    strictEqual(nowhere.code, 3);
    match(nowhere.stderr, /sinfo does not run/);
  });
});
