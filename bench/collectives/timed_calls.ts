import { cpuUsage } from "node:process";
import type { Comm } from "../../cluster/communicator/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { Pattern, type Values } from "./pattern.ts";
import type { CallName } from "./sizes.ts";
import type { LinkName, Worlds } from "./worlds.ts";

export interface CallRequest {
  name: CallName;
  link: LinkName;
  bytes: number;
  times: number;
}

export interface CallReply {
  /** Milliseconds of each call on this rank. */
  ms: number[];
  /** Values that are not what they must be, over all calls. */
  wrong: number;
  /** CPU milliseconds of this process in the calls alone. */
  cpuMs: number;
  /** Frames sent again in these calls. */
  resent: number;
}

/** Larger calls begin together, behind a barrier that is not timed. */
export const TOGETHER_BYTES = 64 * 1024;

let memory = new Float32Array(0);
let part = new Float32Array(0);
let narrow = new Uint16Array(0);

/** Makes calls on the same memory, each timed and each checked. */
export async function timedCalls(
  worlds: Worlds,
  { name, link, bytes, times }: CallRequest,
): Promise<CallReply> {
  const { rank, size } = worlds;
  const comm = worlds.comm(link);
  const isNarrow = link === "nats-bf16";
  const pattern = new Pattern(rank, size, isNarrow ? "bf16" : "f32");
  const length = bytes / 4;
  if (isNarrow && narrow.length !== length) narrow = new Uint16Array(length);
  if (memory.length !== length) memory = new Float32Array(length);
  if (part.length !== Math.floor(length / size)) {
    part = new Float32Array(Math.floor(length / size));
  }
  const before = worlds.resent();
  const reply: CallReply = { ms: [], wrong: 0, cpuMs: 0, resent: 0 };
  await comm.barrier();
  for (let i = 0; i < times; i++) {
    const call = isNarrow
      ? prepareSum(comm, pattern, narrow)
      : prepare(name, { comm, pattern, memory, part });
    if (bytes > TOGETHER_BYTES) await comm.barrier();
    const cpu = cpuUsage();
    const start = realEnv.clock.now();
    await call.run();
    reply.ms.push(realEnv.clock.now() - start);
    const { user, system } = cpuUsage(cpu);
    reply.cpuMs += (user + system) / 1000;
    reply.wrong += call.wrong();
  }
  await comm.barrier();
  reply.resent = worlds.resent() - before;
  return reply;
}

interface Prepared {
  run(): Promise<unknown>;
  wrong(): number;
}

/** Fills the memory that a call reads; nccl-tests counts bytes in the same way. */
function prepare(
  name: CallName,
  { comm, pattern, memory, part }: {
    comm: Comm;
    pattern: Pattern;
    memory: Float32Array;
    part: Float32Array;
  },
): Prepared {
  switch (name) {
    case "all_reduce":
      return prepareSum(comm, pattern, memory);
    case "broadcast":
      pattern.fill(memory);
      return {
        run: () => comm.broadcast(memory),
        wrong: () => pattern.wrongCopies(memory),
      };
    case "all_gather": {
      pattern.fill(part);
      const whole = memory.subarray(0, part.length * comm.size);
      return {
        run: () => comm.allGather(part, { into: whole }),
        wrong: () => pattern.wrongParts(whole, comm.size),
      };
    }
    case "reduce_scatter": {
      pattern.fill(memory);
      const start = Math.floor(comm.rank * memory.length / comm.size);
      const end = Math.floor((comm.rank + 1) * memory.length / comm.size);
      const into = part.length === end - start
        ? part
        : new Float32Array(end - start);
      return {
        run: () => comm.reduceScatter(memory, { into }),
        wrong: () => pattern.wrongSums(into, start),
      };
    }
    case "barrier":
      return { run: () => comm.barrier(), wrong: () => 0 };
  }
}

function prepareSum(comm: Comm, pattern: Pattern, values: Values): Prepared {
  pattern.fill(values);
  return {
    run: () => comm.allReduce(values),
    wrong: () => pattern.wrongSums(values),
  };
}
