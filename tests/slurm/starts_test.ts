import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { surveyGpus } from "../../cluster/gpus/mod.ts";
import {
  GPU_DEFAULTS,
  parseHosts,
  rankBehind,
  sshStarter,
  type StartAbout,
  takePlace,
} from "../../cluster/launch/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import {
  command,
  CommandProcess,
  eventsOf,
  teacherOnly,
  untilNoneLeft,
  withTinyRun,
} from "../cluster/train_process.ts";
import { SshServer } from "./ssh_server.ts";

async function ranksJoined(run: string): Promise<unknown[]> {
  const events = await eventsOf(run);
  strictEqual(events.at(-1)!.event, "finished");
  strictEqual(events.at(-1)!.code, 0);
  return events.filter(({ event }) => event === "joined")
    .map(({ rank }) => rank).toSorted();
}

Deno.test("train starts ranks through ssh, a server on each host, and ends them when it dies", async () => {
  await using server = await SshServer.start();
  const env = { PATH: `${server.bin}:${Deno.env.get("PATH")}` };
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    const hosts = ["--launcher=ssh", "--hosts=127.0.0.1,localhost"];
    const { code, stderr } = await command(
      ["train", config, ...hosts, `--run-dir=${run}`, ...teacherOnly(3)],
      env,
    );
    strictEqual(code, 0, stderr);
    match(stderr, /ranks by ssh on 127\.0\.0\.1, localhost$/m);
    deepStrictEqual(await ranksJoined(run), [0, 1]);

    const killed = `${folder}/killed`;
    const train = new CommandProcess(
      ["train", config, ...hosts, `--run-dir=${killed}`, ...teacherOnly(900)],
      env,
    );
    await train.see(/^teacher +\d/);
    train.signal("SIGKILL");
    await train.end;
    // The far ends of the pipes learn of it through sshd.
    await untilNoneLeft(killed);
  });
});

Deno.test("train waits for workers that join with a token, and turns away those without a place", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    const train = new CommandProcess([
      "train",
      config,
      "--launcher=join",
      "--ranks=2",
      "--host=127.0.0.1",
      `--run-dir=${run}`,
      "timeouts.heartbeatSeconds=60",
      "timeouts.progressSeconds=60",
      ...teacherOnly(40),
    ]);
    await train.seeFile(`${run}/nats/token.json`);
    strictEqual(
      (await Deno.stat(`${run}/nats/token.json`)).mode! & 0o777,
      0o600,
    );
    const { url } = JSON.parse(
      await Deno.readTextFile(`${run}/nats/token.json`),
    );
    const worker = (...words: string[]) =>
      new CommandProcess([
        "rank",
        `--join=${url}`,
        `--token-file=${run}/nats/token.json`,
        ...words,
      ]);
    // It takes no place.
    const blind = await worker(`--run-dir=${folder}/elsewhere`).end;
    strictEqual(blind.code, 3);
    match(blind.stderr, /^error: .* does not see its folder .*elsewhere$/m);
    const aside = await command([
      "rank",
      "--join=n1",
      `--token-file=${config}`,
    ]);
    strictEqual(aside.code, 2);
    match(aside.stderr, /^error: Cannot use --join n1: it is no address$/m);
    const wrong = await command([
      "rank",
      `--join=${url}`,
      `--token-file=${config}`,
    ]);
    strictEqual(wrong.code, 3);
    match(wrong.stderr, /^error: Cannot read the token .*: it is no token$/m);
    const lost = worker();
    await train.see(/^join +rank 0 on .*: 1 of 2$/);
    lost.signal("SIGKILL");
    await lost.end;
    await train.see(
      /^warning: rank 0 .* failed before .*; its place is free again: 0 of 2/,
    );
    const first = worker();
    // As one does that the loader can give no GPU: behind words of its own.
    const survey = await surveyGpus(realEnv, {
      wish: "auto",
      lookup: (name) => Deno.env.get(name),
    });
    const tokenFile = `${run}/nats/token.json`;
    const place = await takePlace(realEnv, {
      tokenFile,
      join: url,
      host: Deno.hostname(),
      timeoutMs: 60_000,
    });
    const second = rankBehind({
      ...place,
      url,
      credentials: tokenFile,
      cacheFolder: `${folder}/cache`,
      placement: {
        gpu: survey.devices[0]!,
        variables: survey.variables,
        before: ["env", "SIGNET_TEST=behind"],
      },
    });
    await train.see(/^ready /);
    // The run is not to end before the next one comes.
    first.signal("SIGSTOP");
    const variables = await Deno.readTextFile(`/proc/${second.pid}/environ`);
    ok(variables.split("\0").includes("SIGNET_TEST=behind"));
    const late = await worker().end;
    strictEqual(late.code, 2);
    match(late.stderr, /all 2 places are taken/);
    first.signal("SIGCONT");
    const ends = await Promise.all([train.end, first.end, second.exited]);
    deepStrictEqual(ends.map(({ code }) => code), [0, 0, 0], ends[0].stderr);
    deepStrictEqual(await ranksJoined(run), [0, 0, 1]);
  });
});

Deno.test("train takes the place that mpirun gave it: the first process coordinates, the others are ranks", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    // What Open MPI sets, and no more.
    const place = (rank: number) => ({
      OMPI_COMM_WORLD_RANK: String(rank),
      OMPI_COMM_WORLD_SIZE: "2",
      OMPI_COMM_WORLD_LOCAL_RANK: String(rank),
      OMPI_COMM_WORLD_LOCAL_SIZE: "2",
    });
    const words = ["train", config, `--run-dir=${run}`, ...teacherOnly(3)];
    const ends = await Promise.all(
      [1, 0].map((rank) => command(words, place(rank))),
    );
    deepStrictEqual(ends.map(({ code }) => code), [0, 0], ends[1]!.stderr);
    match(ends[1]!.stderr, /ranks 2 by Open MPI$/m);
    deepStrictEqual(await ranksJoined(run), [0, 1]);

    const lost = await command(["train", config], place(1));
    strictEqual(lost.code, 2);
    match(lost.stderr, /^hint: add --run-dir DIR/m);
    // What the ranks are to compute on is for each of them.
    const { variables } = await surveyGpus(realEnv, {
      wish: "cpu",
      lookup: (name) => Deno.env.get(name),
    });
    const blind = await command(
      [...words, "--adapter=gpu"],
      { ...place(1), ...variables },
    );
    strictEqual(blind.code, 3, blind.stderr);
    match(blind.stderr, /^error: Cannot find a GPU: /m);
  });
});

Deno.test("sshStarter() says what to try where ssh does not get through", async () => {
  deepStrictEqual(parseHosts("n1,n2:2,n1"), [
    { name: "n1", ranks: 2 },
    { name: "n2", ranks: 2 },
  ]);
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH")!;
  try {
    const ssh = '#!/bin/sh\necho "ssh: no route to host" >&2\nexit 255\n';
    await Deno.writeTextFile(`${folder}/ssh`, ssh, { mode: 0o755 });
    Deno.env.set("PATH", `${folder}:${path}`);
    const [rank] = await sshStarter(parseHosts("n9")).start({
      runFolder: folder,
      cacheFolder: folder,
      life: "a",
      size: 1,
      gpus: GPU_DEFAULTS,
    } as StartAbout);
    strictEqual((await rank!.exited).code, 255);
    deepStrictEqual(rank!.tail, [
      "ssh: no route to host",
      "hint: this must work without a question: ssh -o BatchMode=yes n9 true",
    ]);
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});
