import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import type { NatsServer } from "../../cluster/launch/nats_server.ts";
import { PHASES } from "../../src/phases/mod.ts";
import {
  CollectiveTimeoutError,
  CommWorker,
  type WorkerCommunicator,
} from "../../cluster/communicator/mod.ts";
import { connectControl, NoAnswerError } from "../../cluster/links/mod.ts";
import { LIFE } from "../../cluster/life_words.ts";
import { type Heartbeat, subjectsOf } from "../../cluster/protocol.ts";
import { newLife, startPeer, withServer, withWorkers } from "./comm_workers.ts";

const subjects = subjectsOf("test");

/** Longest time for an answer that takes none, in ms. */
const PATIENCE_MS = 20_000;

Deno.test("WorkerCommunicator runs all collectives in call order", async () => {
  await withWorkers({ size: 3 }, async ({ ranks }) => {
    const sums = ranks.map((rank, r) => rank.allocate(1000).fill(r + 1));
    const parts = ranks.map((rank, r) => rank.allocate(6).fill(r + 1));
    const copies = ranks.map((rank, r) => rank.allocate(3).fill(r));
    await Promise.all(ranks.flatMap((rank, r) => [
      rank.allReduce(sums[r]!),
      rank.allGather(parts[r]!, [0, 1, 3, 6]),
      rank.broadcast(copies[r]!, 1),
      rank.barrier(),
      rank.allReduce(sums[r]!),
    ]));
    for (const sum of sums) ok(sum.every((value) => value === 18));
    for (const part of parts) deepStrictEqual([...part], [1, 2, 2, 3, 3, 3]);
    for (const copy of copies) deepStrictEqual([...copy], [1, 1, 1]);
  });
});

Deno.test("CommWorker finishes a collective and beats while the main thread is blocked", async () => {
  await withWorkers({ size: 2 }, async ({ ranks }, server) => {
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
    });
    const beats: unknown[] = [];
    control.subscribe(subjects.heartbeat, (message) => beats.push(message));
    await control.flush();
    const buffers = ranks.map((rank) => rank.allocate(300_000).fill(1));
    const calls = ranks.map((rank, r) => rank.allReduce(buffers[r]!));
    const cell = new Int32Array(new SharedArrayBuffer(4));
    // However long it takes: this thread does nothing else in the meantime.
    const summed = () => buffers.every((values) => values.at(-1) === 2);
    do strictEqual(Atomics.wait(cell, 0, 0, 2500), "timed-out"); while (
      !summed()
    );
    for (const buffer of buffers) ok(buffer.every((value) => value === 2));
    await control.flush();
    const ranksHeard = new Set(beats.map((beat) => Object(beat).rank));
    deepStrictEqual([...ranksHeard].sort(), [0, 1]);
    await Promise.all(calls);
  });
});

Deno.test("CommWorker beats with what the main thread has written", async () => {
  await withServer(async (server) => {
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
    });
    const beat = new Promise((resolve) =>
      control.subscribe(subjects.heartbeat, resolve)
    );
    await control.flush();
    const life = newLife();
    life[LIFE.phase] = PHASES.indexOf("classify");
    life[LIFE.step] = 41;
    life[LIFE.seen] = 3;
    life[LIFE.activity] = 3;
    life[LIFE.ticks] = 99;
    const worker = await CommWorker.open({
      credentials: server.rank,
      rank: 5,
      life,
    });
    const { connection, ...words } = await beat as Heartbeat;
    match(connection, /^\w+\/\d+$/);
    deepStrictEqual(words, {
      rank: 5,
      seen: 3,
      activity: "training",
      phase: "classify",
      step: 41,
      ticks: 99,
      entered: 0,
      finished: 0,
    });
    await worker.close();
  });
});

Deno.test("CommWorker carries control messages both ways", async () => {
  await withServer(async (server) => {
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
    });
    const worker = await CommWorker.open({
      credentials: server.rank,
      rank: 0,
      life: newLife(),
    });
    await rejects(
      worker.request(subjects.report, {}, PATIENCE_MS),
      (error) => error instanceof NoAnswerError && error.kind === "nobody",
    );
    control.respond(subjects.report, (message) => ({ got: message }));
    const progress = new Promise((resolve) =>
      control.subscribe(subjects.progress, resolve)
    );
    const order = Promise.withResolvers<unknown>();
    worker.subscribe(subjects.command(0), order.resolve);
    await Promise.all([control.flush(), worker.flush()]);
    deepStrictEqual(
      await worker.request(subjects.report, { a: 1 }, PATIENCE_MS),
      { got: { a: 1 } },
    );
    worker.publish(subjects.progress, { loss: null });
    deepStrictEqual(await progress, { loss: null });
    control.publish(subjects.command(0), { sequence: 1 });
    deepStrictEqual(await order.promise, { sequence: 1 });
    await worker.close();
    await rejects(
      worker.request(subjects.report, {}, PATIENCE_MS),
      /is closed/,
    );
  });
});

Deno.test("abort() rejects what waits and what comes, naming the rank", async () => {
  await withWorkers({ size: 3 }, async ({ workers, ranks }) => {
    const rank = ranks[0]!;
    const pending = [rank.allReduce(rank.allocate(10)), rank.barrier()];
    workers[0]!.abort("killed by signal 9", 2);
    pending.push(rank.barrier());
    for (const call of pending) {
      await rejects(call, {
        name: "RankFailedError",
        failedRank: 2,
        reason: "killed by signal 9",
      });
    }
  });
});

Deno.test("WorkerCommunicator warns, then fails, naming the rank that does not call", async () => {
  const warned: unknown[] = [];
  await withWorkers({
    size: 3,
    deadlineMs: 4000,
    onWarning: (rank, wait) => warned.push([rank, wait.missingRanks]),
  }, async ({ ranks }) => {
    const results = await Promise.allSettled(
      [0, 1].map((r) => ranks[r]!.barrier()),
    );
    for (const result of results) {
      ok(result.status === "rejected");
      ok(result.reason instanceof CollectiveTimeoutError);
      deepStrictEqual(result.reason.missingRanks, [2]);
    }
    deepStrictEqual(warned.sort(), [[0, [2]], [1, [2]]]);
  });
});

Deno.test("CommWorker.open() fails with the address when no server is there", async () => {
  await rejects(
    CommWorker.open({
      credentials: {
        url: "nats://127.0.0.1:1",
        run: "test",
        user: "rank",
        password: "none",
        inbox: "_INBOX.test",
      },
      rank: 0,
      life: newLife(),
    }),
    (error) => {
      ok(error instanceof Error);
      strictEqual(error.name, "EnvironmentError");
      ok(error.message.includes("nats://127.0.0.1:1"));
      return true;
    },
  );
});

/** Rank 0 here and rank 1 in a process of its own, which sums without end. */
async function withPeer(
  test: (peer: {
    server: NatsServer;
    process: Deno.ChildProcess;
    worker: CommWorker;
    rank: WorkerCommunicator;
  }) => Promise<void>,
): Promise<void> {
  await withServer(async (server) => {
    await using process = startPeer(server);
    const worker = await CommWorker.open({
      credentials: server.rank,
      rank: 0,
      life: newLife(),
    });
    const rank = await worker.join({ members: [0, 1] });
    await test({ server, process, worker, rank });
    await worker.close();
  });
}

Deno.test("a rank killed with -9 in mid-collective is named to the coordinator, whose abort ends the wait", async () => {
  await withPeer(async ({ server, process, worker, rank }) => {
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
      system: server.system,
    });
    const lost = Promise.withResolvers<string>();
    control.onDisconnect(({ name }) => lost.resolve(name));
    await control.flush();
    const buffer = rank.allocate(200_000);
    await rank.allReduce(buffer);
    const waiting = Promise.allSettled(
      Array.from({ length: 1000 }, () => rank.allReduce(buffer)),
    );
    process.kill("SIGKILL");
    const name = await lost.promise;
    ok(/^rank-1(-data(-[1-4])?)?$/.test(name), name);
    worker.abort("connection lost", 1);
    const last = (await waiting).at(-1)!;
    ok(last.status === "rejected");
    strictEqual(last.reason.name, "RankFailedError");
    strictEqual(last.reason.failedRank, 1);
  });
});

Deno.test("a rank that is stopped for a while in mid-collective ends it when it goes on", async () => {
  await withPeer(async ({ process, rank }) => {
    const buffer = rank.allocate(200_000).fill(1);
    await rank.allReduce(buffer);
    Deno.kill(process.pid, "SIGSTOP");
    const sums = Array.from({ length: 20 }, () => rank.allReduce(buffer));
    const early = await Promise.race([
      sums[19]!.then(() => "done"),
      realEnv.timers.sleep(1200).then(() => "waiting"),
    ]);
    strictEqual(early, "waiting");
    Deno.kill(process.pid, "SIGCONT");
    await Promise.all(sums);
    ok(buffer.every((value) => value === 1));
  });
});
