import { deepStrictEqual, match, strictEqual } from "node:assert";
import {
  checkNoneLeft,
  command,
  CommandProcess,
  eventsOf,
  teacherOnly,
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

    const wrong = await command(
      [
        "train",
        config,
        "--launcher=ssh",
        "--hosts=127.0.0.1,nowhere.invalid",
        `--run-dir=${folder}/wrong`,
      ],
      env,
    );
    strictEqual(wrong.code, 1);
    match(
      wrong.stderr,
      /hint: .*: ssh -o BatchMode=yes nowhere\.invalid true$/m,
    );

    const killed = `${folder}/killed`;
    const train = new CommandProcess(
      ["train", config, ...hosts, `--run-dir=${killed}`, ...teacherOnly(900)],
      env,
    );
    await train.see(/^teacher +\d/);
    train.signal("SIGKILL");
    await train.end;
    // The far ends of the pipes learn of it through sshd.
    for (let tries = 0;; tries++) {
      try {
        await checkNoneLeft(killed);
        break;
      } catch (error) {
        if (tries === 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
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
    const workers = [worker(), worker()];
    await train.see(/^ready /);
    const late = await worker().end;
    strictEqual(late.code, 2);
    match(late.stderr, /all 2 places are taken/);
    const ends = await Promise.all([train, ...workers].map(({ end }) => end));
    deepStrictEqual(ends.map(({ code }) => code), [0, 0, 0], ends[0]!.stderr);
    deepStrictEqual(await ranksJoined(run), [0, 1]);
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
  });
});
