import { match, strictEqual } from "node:assert";
import { pathToFileURL } from "node:url";
import { command, withTinyRun } from "./train_process.ts";

/** Arguments, exit code, and what stderr must say. */
const WRONG: [string[], number, RegExp][] = [
  [["trian"], 2, /^error: .*"trian".*\nhint: did you mean train\?$/],
  [["xyzzy"], 2, /^error: .*\nhint: verbs: train /],
  [
    ["train", "--rnaks", "3"],
    2,
    /^error: .*--rnaks.*\nhint: did you mean --ranks\?$/,
  ],
  [["train", "--ranks", "two"], 2, /^error: .*--ranks two/],
  [["train", "--ranks"], 2, /^error: .*--ranks/],
  [["train", "no-such.json"], 2, /^error: .*no-such\.json/],
  [["train", "a.json", "b.json"], 2, /^error: .*a\.json and b\.json/],
  [["train", "phases.distill.temprature=2"], 2, /temprature.*temperature/s],
  [["train", "globalBatch=many"], 2, /globalBatch/],
  [["train", "--resume", "/no/such/run"], 2, /^error: .*\/no\/such\/run/],
  [["train", "--fast-dev-run", "0"], 2, /^error: .*--fast-dev-run 0/],
  [
    ["train", "--launcher=srun"],
    2,
    /^hint: .* auto takes .* srun has started$/m,
  ],
  [["train", "--launcher=local", "--hosts=n1"], 2, /\nhint: --launcher ssh/],
  [["train", "--hosts=n1", "--cores-per-rank=1"], 2, /with ranks by ssh/],
  [["train", "--launcher=join", "--host=0.0.0.0"], 2, /do not reach this one/],
  [["train", "--time-limit=0"], 2, /Cannot train for 0: 0 s /],
  [
    ["train", "--time-limit=10", "--reserve=600"],
    2,
    /\nhint: .* less --reserve/,
  ],
  [["evaluate", ""], 2, /an empty argument of evaluate\nhint: /],
  [["launch", "-n", "2", ""], 2, /the program is missing/],
  [["launch", "-n", "2", "/tmp"], 2, /launch \/tmp: there is no such file/],
  [["doctor", "--ranks=2"], 2, /only --cluster has ranks/],
  [["doctor", "--cluster", "--ranks=0"], 2, /nothing to measure/],
  [["bundle", "x.zip"], 2, /x\.zip: the archive is a \.tar\.xz/],
  [["bundle", "/no/such/x.tar.xz"], 2, /no folder \/no\/such\//],
  [["rank", "--join=nats://n1"], 2, /--token-file is missing\nhint: /],
  [["rank", "--rank", "1"], 2, /^error: .*--size/],
];

Deno.test("main() says what is wrong and exits 2 when the usage is wrong", async () => {
  for (const [args, code, text] of WRONG) {
    const end = await command(args);
    strictEqual(end.code, code, `${args}: ${end.stderr}`);
    match(end.stderr, text, args.join(" "));
    strictEqual(/^\s+at /m.test(end.stderr), false, "no stack");
    strictEqual(end.stdout, "");
  }
});

Deno.test("main() prints help on stdout when asked", async () => {
  const overview = await command(["--help"]);
  strictEqual(overview.code, 0);
  const verbs = overview.stdout.match(/^ {2}([a-z-]+) {2,}/gm)!
    .map((line) => line.trim());
  for (const verb of [...verbs, "rank"]) {
    const help = await command([verb, "--help"]);
    strictEqual(help.code, 0, verb);
    match(help.stdout, /^Usage: /, verb);
  }
});

Deno.test("train refuses before it starts when folder, data or ranks do not fit", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    await Deno.mkdir(run);
    await Deno.writeTextFile(`${run}/config.json`, "{}");
    const train = (...args: string[]) => command(["train", config, ...args]);

    const taken = await train("--run-dir", run);
    strictEqual(taken.code, 2);
    match(taken.stderr, /holds a run\nhint: .*--resume auto/);

    const other = await train("--run-dir", run, "--resume=auto", "seed=9");
    strictEqual(other.code, 2);
    match(other.stderr, /configuration differs in .*seed/);

    // A lock that its holder still touches is respected, whatever its process.
    const lock = `${folder}/locked/lock`;
    const holder = { pid: Deno.pid, host: "elsewhere" };
    await Deno.mkdir(`${folder}/locked`);
    await Deno.writeTextFile(lock, JSON.stringify(holder));
    const touching = setInterval(() => {
      const now = new Date();
      Deno.utimeSync(lock, now, now);
    }, 200);
    const locked = await train("--run-dir", `${folder}/locked`);
    clearInterval(touching);
    strictEqual(locked.code, 2);
    match(locked.stderr, new RegExp(`process ${Deno.pid} on elsewhere`));

    const many = await train("--run-dir", `${folder}/many`, "--ranks=40");
    strictEqual(many.code, 2);
    match(many.stderr, /globalBatch: 16 images .* 40 ranks/);

    // Deno keeps programs out of it, and it takes no folders.
    const system = await train("--run-dir=/proc/run");
    strictEqual(system.code, 2, system.stderr);
    match(system.stderr, /^error: Cannot use \/proc\/run.*\nhint: .*a disk/);

    const data = await train(
      "--run-dir",
      `${folder}/data-run`,
      "data.path=/no/such/data",
    );
    strictEqual(data.code, 2, data.stderr);
    match(data.stderr, /^error: .*\/no\/such\/data.*\nhint: /);

    const weights = await train(
      "--run-dir",
      `${folder}/weights-run`,
      "student.weights=/no/such.safetensors",
    );
    strictEqual(weights.code, 2, weights.stderr);
    match(weights.stderr, /^error: .* student\.weights \/no\/such.*\nhint: /);
  });
});

Deno.test("bench and nats-server are found where the path of the checkout has a blank", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  const checkout = `${folder}/a checkout`;
  await Deno.symlink(Deno.cwd(), checkout);
  const output = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
    }).output();
    strictEqual(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  const main = `${checkout}/cluster/main.ts`;
  match(await output("run", "-q", "-P=app", main, "bench", "-h"), /^Usage: /);
  const binary = pathToFileURL(`${checkout}/cluster/launch/nats_binary.ts`);
  strictEqual(
    await output(
      "eval",
      "--no-check",
      `import { findNatsServer } from "${binary}";
       console.log(await findNatsServer(""));`,
    ),
    `${checkout}/.tools/bin/nats-server\n`,
  );
  await Deno.remove(folder, { recursive: true });
});
