import { match, strictEqual } from "node:assert";
import { parseConfig } from "../../src/config/mod.ts";
import { Outlook } from "../../cluster/commands/outlook.ts";
import type { ProgressMessage } from "../../cluster/protocol.ts";

const config = parseConfig({
  globalBatch: 100,
  phases: {
    teacher: { images: 100_000 },
    distill: { enabled: false },
    classify: { images: 50_000 },
    selfTrain: { images: 50_000 },
    baseline: { images: 0 },
  },
});

function progress(step: number): ProgressMessage {
  return {
    rank: 0,
    phase: "teacher",
    step,
    steps: 1000,
    epoch: 0,
    loss: 1,
    learningRate: 1e-3,
    imagesPerSecond: 100,
    dataMs: 0,
    forwardMs: 1,
    backwardMs: 1,
    communicationMs: 0,
  };
}

function told(left: number, jobs?: number, of = config): string {
  let now = 0;
  const outlook = new Outlook({
    config: of,
    clock: { now: () => now, wall: () => 0 },
    budget: { limit: 1000, reserve: 40 },
    left,
    job: 1,
    ...(jobs === undefined ? {} : { jobs }),
  });
  strictEqual(outlook.line(), undefined);
  strictEqual(outlook.take(progress(1)), undefined);
  now = 25_000;
  // A second a step: 975 of the teacher and 2000 of the later phases are left, of
  // which the 500 of self-training take a sixth more for their weak views.
  const line = outlook.take(progress(26))!;
  now = 26_000;
  strictEqual(outlook.take(progress(27)), undefined);
  return line;
}

Deno.test("Outlook says in which job a run will be done, once it knows the pace", () => {
  match(
    told(10_000),
    /0:50:5\d of training left: will finish in this job, number 1$/,
  );
  match(told(1000), /will finish in job 4$/);
  match(told(1000, 4), /will finish in job 4 of 4$/);
  match(
    told(1000, 2),
    /will finish in job 4 of 2: submit 2 more with --resume$/,
  );
});

Deno.test("Outlook expects shorter steps of a smaller model", () => {
  const large = parseConfig({
    ...config,
    student: { patch: 8, dim: 64, depth: 2, heads: 4 },
    teacher: { patch: 8, dim: 64, depth: 20, heads: 4 },
  });
  // 975 s of the teacher, steps of a tenth of a second after it.
  match(told(10_000, undefined, large), /0:19:4\d of training left/);
});
