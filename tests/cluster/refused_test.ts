import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { findNatsServer } from "../../cluster/launch/nats_binary.ts";
import {
  checkNoneLeft,
  command,
  CommandProcess,
  withTinyRun,
} from "./train_process.ts";

async function namesIn(folder: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  return names.sort();
}

Deno.test("train leaves no run folder when it is refused before anything was done", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const before = await namesIn(folder);
    const run = `${folder}/run`;
    const refused: [string[], number, RegExp][] = [
      [["--tls", folder], 2, /there is no .*ca\.pem$/m],
      [["--nats", "nats://127.0.0.1:1"], 3, /connection refused/],
      // An address that no machine has: its port cannot be opened.
      [["--launcher", "join", "--host", "192.0.2.1"], 3, /Error listening/],
      [["--cores-per-rank", "4096"], 3, /Cannot give 2 ranks cores/],
      [[`teacher.weights=${config}`], 2, /^error: Cannot read .*tiny\.json/m],
      // Ranks find out what the data lacks.
      [["data.labelsPerClass=4000"], 2, /rank \d .*: Cannot split cifar10/],
    ];
    for (const [args, code, text] of refused) {
      const end = await command(["train", config, "--run-dir", run, ...args]);
      strictEqual(end.code, code, `${args}: ${end.stderr}`);
      match(end.stderr, text);
      strictEqual(end.stderr.includes(`${run}/logs`), false, "names no log");
      const left = await namesIn(folder);
      deepStrictEqual(left.filter((name) => name !== "cache"), before);
    }
  });
});

Deno.test("train that is refused leaves a folder that was there as it was, and keeps logs that tell more", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    await Deno.mkdir(`${run}/logs`, { recursive: true });
    await Deno.writeTextFile(`${run}/logs/slurm-1.out`, "mine");
    const train = ["train", config, "--run-dir", run];
    const late = await command([...train, "data.labelsPerClass=4000"]);
    strictEqual(late.code, 2, late.stderr);
    deepStrictEqual(await namesIn(run), ["logs"]);
    strictEqual(await Deno.readTextFile(`${run}/logs/slurm-1.out`), "mine");

    const lost = await command([...train, "--hosts", "no-such-host.invalid:2"]);
    strictEqual(lost.code, 1, lost.stderr);
    // Of both, the one whose end is known first.
    const log = new RegExp(`last output .(${run}/logs/rank-[01].stderr).:`)
      .exec(lost.stderr)?.[1];
    ok(log, lost.stderr);
    await Deno.stat(log);
  });
});

Deno.test("train leaves nothing when it is interrupted while it waits for its first worker", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    const args = ["train", config, "--run-dir", run, "--launcher", "join"];
    const process = new CommandProcess(args);
    await process.see(/^start .* ranks that join with the token/);
    process.signal("SIGINT");
    const { code, stderr } = await process.end;
    strictEqual(code, 130, stderr);
    match(stderr, /^stopped +before a rank had come; nothing is left/m);
    await Deno.stat(run).then(
      () => strictEqual(run, "gone"),
      () => {},
    );
    await checkNoneLeft(run);
  });
});

Deno.test("train names the disk that is full when its server starts", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const disk = `${folder}/disk`;
    await Deno.mkdir(disk);
    // The server itself, which others leave no room between the check and the start.
    await Deno.mkdir(`${folder}/bin`);
    await Deno.writeTextFile(
      `${folder}/bin/nats-server`,
      `#!/bin/sh
case " $* " in *" -t "*) ;; *) cat /dev/zero >'${disk}/others' 2>/dev/null ;; esac
exec '${await findNatsServer()}' "$@"
`,
      { mode: 0o755 },
    );
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"',
        "sh",
        disk,
        ...[Deno.execPath(), "run", "-q", "-P=app", "cluster/main.ts", "train"],
        ...[config, `--run-dir=${disk}/run`],
      ],
      env: { NO_COLOR: "1", PATH: `${folder}/bin:${Deno.env.get("PATH")}` },
      stdin: "null",
    }).output();
    const [text, result] = [stderr, stdout].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
    strictEqual(code, 1, text);
    strictEqual(result, "");
    match(text!, /^error: Cannot write .*: No space left on device/m);
    match(text!, /^hint: free some space/m);
  });
});
