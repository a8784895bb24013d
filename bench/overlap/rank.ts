/**
 * One rank of the bench: a process that trains, reduces without training and
 * trains without reducing as the bench asks, one JSON request a line.
 */
import { TextLineStream } from "@std/streams/text-line-stream";
import { CommWorker } from "../../cluster/communicator/mod.ts";
import { readCredentials } from "../../cluster/links/mod.ts";
import { Life } from "../../cluster/rank/life.ts";
import { realEnv } from "../../src/env/mod.ts";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import {
  type Communicator,
  silentCommunicator,
} from "../../src/training/mod.ts";
import { OurStep } from "../step/our_step.ts";
import { modelOf } from "../step/models.ts";
import { stepProblem } from "../step/step_problem.ts";
import type { How, Reply, Request } from "./requests.ts";

const [rank, size, path, form] = Deno.args.map((text, i) =>
  i < 2 ? Number(text) : text
) as [number, number, string, KernelForm];
// As the launcher does: CPU adapters share the cores.
const threads = Math.floor(navigator.hardwareConcurrency / size);
Deno.env.set("LP_NUM_THREADS", `${Math.max(1, threads)}`);
const life = new Life();
const worker = await CommWorker.open({
  credentials: await readCredentials(path),
  rank,
  life: life.words,
});
const communicator = life.observe(
  await worker.join({ members: [...Array(size).keys()], link: "nats" }),
);
const device = await Device.open({ form });

let steps: Record<How, OurStep> | undefined;

async function answer(request: Request): Promise<Reply> {
  switch (request.do) {
    case "about":
      return { rank, size, adapter: device.adapter };
    case "open":
      return await open(request);
    case "train": {
      const step = steps![request.how];
      if (request.how === "together") await communicator.barrier();
      const finished = await step.train(request.steps);
      // The first one pays for what the pause before has left cold.
      const counted = finished.slice(1);
      return {
        ms: counted.map(({ totalMs }) => totalMs),
        waitMs: counted.map(({ communicationMs }) => communicationMs),
        loss: finished.at(-1)!.metrics.get("crossEntropy"),
      };
    }
    case "reduce":
      return { ms: await reduce(request.times) };
    case "weights":
      return { sum: await steps!.together.checksum() };
  }
}

async function open(
  { shape, wire, bucketBytes }: Request & { do: "open" },
): Promise<Reply> {
  const model = modelOf(shape);
  const problem = stepProblem(model, "f32");
  const share = { ...model, batch: Math.ceil(model.batch / size) };
  for (const step of Object.values(steps ?? {})) step[Symbol.dispose]();
  const make = (communicator: Communicator) =>
    OurStep.open(device, model, problem, { communicator, wire, bucketBytes });
  steps = {
    alone: await OurStep.open(device, share, stepProblem(share, "f32")),
    apart: await make(silentCommunicator(rank, size)),
    together: await make(communicator),
  };
  return { buckets: steps.together.buckets };
}

/** The step's all-reduces without a step. */
async function reduce(times: number): Promise<number[]> {
  const buffers = steps!.together.buckets.map((bytes) =>
    communicator.allocate(bytes / 4)
  );
  const ms: number[] = [];
  for (let i = 0; i < times; i++) {
    await communicator.barrier();
    const start = realEnv.clock.now();
    await Promise.all(buffers.map((buffer) => communicator.allReduce(buffer)));
    ms.push(realEnv.clock.now() - start);
  }
  return ms;
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
for await (const line of lines) {
  let reply: unknown;
  try {
    reply = await answer(JSON.parse(line));
  } catch (error) {
    reply = { error: error instanceof Error ? error.stack : String(error) };
  }
  // deno-lint-ignore no-console
  console.log(`@reply ${JSON.stringify(reply)}`);
}
await worker.close();
