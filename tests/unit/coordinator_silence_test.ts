import { deepStrictEqual, strictEqual } from "node:assert";
import {
  advance,
  type ClusterEvent,
  initialState,
  type State,
} from "../../cluster/coordinator/mod.ts";
import { outcome, RUNNING, type Unclocked } from "./coordinator_events.ts";

/** What ranks of a run in its first phase say, a second a line, and what is found. */
function listen(limits: Partial<State["limits"]>, beats: string[][]): State {
  const start = initialState({
    at: 0,
    size: 2,
    phases: ["teacher"],
    version: "v1",
    config: "c1",
    onRankLoss: "stop",
    limits,
  });
  let state = start;
  const feed = (event: Unclocked<ClusterEvent>, at: number) => {
    [state] = advance(state, { ...event, at });
  };
  for (const event of RUNNING) feed(event, 0);
  beats.forEach((line, second) => {
    if (line.length === 0) {
      // The network is back: the old connections end, and new ones take their time.
      for (const kind of ["disconnected", "vanished"] as const) {
        feed({ kind, rank: 1, connection: "1" }, 1000 * (second + 1));
      }
    }
    line.forEach((beat, rank) => {
      if (beat === "") return;
      const [seen, step, entered, finished] = beat.split(" ").map(Number);
      const heartbeat = {
        rank,
        seen: seen!,
        activity: "training" as const,
        phase: "teacher" as const,
        step: step!,
        ticks: step!,
        entered: entered!,
        finished: finished!,
        connection: `${rank}`,
      };
      feed({ kind: "heartbeat", heartbeat }, 1000 * (second + 1));
    });
    feed({ kind: "tick" }, 1000 * (second + 1));
  });
  return state;
}

Deno.test("advance() takes no beat for a rank's that another process sends, which was started as the same", () => {
  const state = listen({}, [["2 7 9 9", "2 7 9 9"], ["0 0 0 0", "2 8 9 9"]]);
  deepStrictEqual([state.ranks[0]!.heard, state.ranks[1]!.heard], [1000, 2000]);
  strictEqual(state.ranks[0]!.beat!.step, 7);
});

Deno.test("advance() waits for a rank behind a cut network as long as its silence may last, and blames nobody who waits with it", () => {
  const start = [["2 1 5 5", "2 1 5 5"], ["2 2 6 6", "2 2 6 6"]];
  const waiting = (n: number) => new Array(n).fill(["2 2 7 6", ""]);
  const limits = { dead: 60_000, step: 10_000 };
  const back = [["2 2 7 6", "2 2 7 6"], ["2 3 7 7", "2 3 7 7"]];
  const cut = listen(
    limits,
    [...start, ...waiting(50), [], ...waiting(5), ...back],
  );
  strictEqual(cut.failure, undefined);
  const lost = listen(limits, [...start, ...waiting(61)]).failure!;
  deepStrictEqual([lost.rank, lost.kind], [1, "silent"]);
  // It may be done, and say so before its heart beats again.
  let [done] = advance(listen(limits, [...start, ...waiting(50)]), {
    ...outcome(1),
    at: 53_000,
  });
  [done] = advance(done, { kind: "tick", at: 53_250 });
  strictEqual(done.failure, undefined);
  // Who is heard and does not move is found as ever.
  const both = new Array(12).fill(["2 2 7 6", "2 2 6 6"]);
  const stuck = listen(limits, [...start, ...waiting(20), ...both]).failure!;
  deepStrictEqual([stuck.rank, stuck.kind], [1, "stuck"]);
});

Deno.test("advance() counts no time in which its own process stood still", () => {
  const waits = { kind: "stop", request: { code: 75, cause: "x" } } as const;
  // For ranks to join, to open, to save a checkpoint.
  for (
    const events of [RUNNING.slice(0, 1), RUNNING.slice(0, 3), [
      ...RUNNING,
      waits,
    ]]
  ) {
    let state = initialState({
      at: 0,
      size: 2,
      phases: ["teacher"],
      version: "v1",
      config: "c1",
      onRankLoss: "stop",
    });
    for (const event of events) [state] = advance(state, { ...event, at: 1 });
    // A job is suspended for an hour.
    [state] = advance(state, { kind: "tick", at: 3_600_000 });
    strictEqual(state.failure, undefined);
  }
});
