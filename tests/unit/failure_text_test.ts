import { deepStrictEqual, strictEqual } from "node:assert";
import {
  describeFailure,
  type Failure,
  headline,
} from "../../cluster/coordinator/mod.ts";

Deno.test("headline() names rank, host, process, adapter, phase, step and cause", () => {
  const failure: Failure = {
    kind: "exit",
    rank: 1,
    host: "n02",
    pid: 7,
    adapter: "Tesla T4",
    phase: "distill",
    step: 31,
    cause: "killed by SIGKILL",
    exitCode: 1,
  };
  strictEqual(
    headline(failure),
    "rank 1 (host n02, pid 7, Tesla T4) failed in phase distill, step 31: killed by SIGKILL",
  );
  const lines = describeFailure(failure, {
    runFolder: "runs/x",
    tail: ["panicked"],
    checkpoints: ["distill-20"],
  });
  deepStrictEqual(lines.slice(1), [
    "  log: runs/x/logs/rank-1.jsonl",
    "  last output (runs/x/logs/rank-1.stderr):",
    "    panicked",
    "  last checkpoint: runs/x/checkpoints/distill-20",
    "hint: go on with: deno task train --resume runs/x",
  ]);
});
