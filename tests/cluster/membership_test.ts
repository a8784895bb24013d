import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { Life } from "../../cluster/rank/life.ts";
import { Membership } from "../../cluster/rank/membership.ts";
import { withWorkers } from "./comm_workers.ts";

Deno.test("Membership joins those who are left, while one of the others sends on, and those who are left of them", async () => {
  await withWorkers({ size: 4 }, async ({ workers, ranks }) => {
    const members = workers.map((worker, rank) =>
      new Membership({
        env: realEnv,
        rank,
        size: 4,
        worker,
        life: new Life(),
      })
    );
    const settings = {
      link: "auto",
      deadlineMs: 20_000,
      algorithm: "auto",
    } as const;
    const order = (generation: number, left: number[]) => {
      for (const rank of left) {
        members[rank]!.order({
          kind: "regroup",
          generation,
          members: left,
          reason: "rank 0: killed",
        });
      }
    };
    // Rank 0 is thought to be dead and goes on sending under the old generation.
    const sent = ranks.map((rank) =>
      rank.allReduce(rank.allocate(100_000).fill(1))
    );
    const first = await Promise.allSettled(sent);
    ok(first.every(({ status }) => status === "fulfilled"));
    const late = ranks[0]!.allReduce(ranks[0]!.allocate(100_000).fill(1));
    const fenced = rejects(late, { name: "RankFailedError" });
    const waiting = ranks[1]!.allReduce(ranks[1]!.allocate(100_000));
    order(2, [1, 2, 3]);
    await rejects(waiting, { name: "RankFailedError" });
    const rejoining = [1, 2].map((r) => members[r]!.rejoin(settings));
    // Rank 3 is lost before it has come.
    order(3, [1, 2]);
    const left = await Promise.all(rejoining);
    const buffers = left.map((rank, place) => {
      strictEqual(rank!.rank, place);
      strictEqual(rank!.size, 2);
      return rank!.allocate(100_000).fill(place + 1);
    });
    await Promise.all(
      left.map((rank, place) => rank!.allReduce(buffers[place]!)),
    );
    for (const buffer of buffers) ok(buffer.every((value) => value === 3));
    deepStrictEqual(members[1]!.members, [1, 2]);
    const counts = await Promise.all(
      [1, 2].map((rank) => workers[rank]!.counts()),
    );
    ok(counts.every((count) => count!.corrupt === 0));
    workers[0]!.abort("fenced");
    await fenced;
  });
});

Deno.test("Membership meets anew over a server that is started again meanwhile", async () => {
  await withWorkers({ size: 3 }, async ({ workers }, server) => {
    const members = workers.map((worker, rank) =>
      new Membership({ env: realEnv, rank, size: 3, worker, life: new Life() })
    );
    const order = (generation: number, left: number[]) =>
      left.map((rank) =>
        members[rank]!.order({
          kind: "regroup",
          generation,
          members: left,
          reason: "rank 0: killed",
        })
      );
    const rejoin = (left: number[]) =>
      Promise.all(left.map((rank) =>
        members[rank]!.rejoin({
          link: "auto",
          deadlineMs: 20_000,
          algorithm: "auto",
        })
      ));
    Deno.kill(server.pid, "SIGKILL");
    await server.ended;
    order(2, [1, 2]);
    const meeting = rejoin([1, 2]);
    await realEnv.timers.sleep(700);
    await server.restart();
    const ranks = await meeting;
    const buffers = ranks.map((rank) => rank!.allocate(100).fill(1));
    await Promise.all(ranks.map((rank, i) => rank!.allReduce(buffers[i]!)));
    for (const buffer of buffers) ok(buffer.every((value) => value === 2));

    // A rank that waits for the server is told of another loss.
    Deno.kill(server.pid, "SIGKILL");
    await server.ended;
    order(3, [1, 2]);
    const told = rejoin([1, 2]);
    await realEnv.timers.sleep(300);
    order(4, [2]);
    await realEnv.timers.sleep(300);
    await server.restart();
    members[1]!.order({
      kind: "regroup",
      generation: 4,
      members: [1],
      reason: "parted",
    });
    const [first, second] = await told;
    deepStrictEqual([first!.size, second!.size], [1, 1]);
  });
});
