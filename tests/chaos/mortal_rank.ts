/**
 * A rank as the launcher starts it, which kills itself in the middle of an exchange:
 * the one that `DEATH` names as JSON, a {@linkcode Moment}.
 */
import { rank } from "../../cluster/commands/rank.ts";
import { Life } from "../../cluster/rank/life.ts";

/** An exchange of a rank. */
export interface Moment {
  phase: string;
  /** Source file that the exchange is made from, at any depth. */
  from: string;
  /** Which of those exchanges; 1 is the first. */
  time: number;
}

/** So long others get something of the exchange before its end, in ms. */
const HALF_WAY_MS = 1;

if (import.meta.main) {
  const text = Deno.env.get("DEATH");
  if (text !== undefined) dieAt(JSON.parse(text));
  Deno.exit(await rank(Deno.args));
}

function dieAt({ phase, from, time }: Moment): void {
  Error.stackTraceLimit = 50;
  let left = time;
  const observe = Life.prototype.observe;
  Life.prototype.observe = function (this: Life, communicator) {
    const strike = <T>(exchange: T): T => {
      const here = this.phase === phase && new Error().stack!.includes(from);
      if (here && --left === 0) {
        Atomics.wait(
          new Int32Array(new SharedArrayBuffer(4)),
          0,
          0,
          HALF_WAY_MS,
        );
        Deno.kill(Deno.pid, "SIGKILL");
      }
      return exchange;
    };
    const alive = observe.call(this, communicator);
    return {
      rank: alive.rank,
      size: alive.size,
      get roundTripMs() {
        return alive.roundTripMs ?? 0;
      },
      allocate: (length) => alive.allocate(length),
      allReduce: (buffer) => strike(alive.allReduce(buffer)),
      allReduceBlocks: (blocks, carry) =>
        strike(alive.allReduceBlocks(blocks, carry)),
      allGather: (buffer, offsets) => strike(alive.allGather(buffer, offsets)),
      broadcast: (buffer, root) => strike(alive.broadcast(buffer, root)),
      barrier: () => strike(alive.barrier()),
    };
  };
}
