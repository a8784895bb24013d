import { deepStrictEqual, strictEqual } from "node:assert";
import { Places } from "../../cluster/launch/mod.ts";

Deno.test("Places gives ranks in the order of asking, and the GPUs of each machine in turn", () => {
  const places = new Places(3);
  const ask = (host: string, id: string, now = 0) =>
    places.ask({ host, id }, now);
  deepStrictEqual(ask("a", "1"), { rank: 0, localRank: 0 });
  deepStrictEqual(ask("b", "1"), { rank: 1, localRank: 0 });
  deepStrictEqual(ask("a", "2"), { rank: 2, localRank: 1 });
  // An answer that was lost.
  deepStrictEqual(ask("b", "1"), { rank: 1, localRank: 0 });
});

Deno.test("Places gives the place of a worker that never joined to another", () => {
  const places = new Places(2);
  const ask = (host: string, id: string, now: number) =>
    places.ask({ host, id }, now);
  ask("a", "1", 0);
  ask("a", "2", 0);
  places.join(1);
  strictEqual(ask("a", "3", 1000), "wait");
  deepStrictEqual(ask("a", "3", 31_000), { rank: 0, localRank: 0 });
  // It is slow to open its data.
  places.beat(0, 60_000);
  strictEqual(ask("a", "4", 80_000), "wait");
  places.join(0);
  strictEqual(ask("a", "4", 95_000), "full");
  places.leave(0);
  deepStrictEqual(ask("a", "4", 95_000), { rank: 0, localRank: 0 });
});
