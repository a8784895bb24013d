/**
 * Signet trains Vision Transformers with few labels on clusters of GPUs, with
 * Deno, WebGPU and NATS. The command line is the usual way in; this module is
 * for programs that read configurations and runs, or compute themselves.
 *
 * Configurations are checked as a whole, and name the nearest key:
 *
 * ```ts
 * import { parseConfig } from "@signet/signet";
 * import { strictEqual, throws } from "node:assert";
 *
 * const config = parseConfig({ data: { labelsPerClass: 25 } });
 * strictEqual(config.data.labelsPerClass, 25);
 * strictEqual(config.globalBatch, 128);
 * throws(() => parseConfig({ globalBach: 64 }), /globalBatch/);
 * ```
 *
 * Work on the GPU is recorded once and can be submitted many times:
 *
 * ```ts
 * import { Device, Program, softmaxForward } from "@signet/signet";
 * import { ok } from "node:assert";
 *
 * using device = await Device.open();
 * const input = device.tensor([2, 3], Float32Array.of(1, 2, 3, 0, 0, 0));
 * const output = device.tensor([2, 3]);
 * const program = new Program(device);
 * softmaxForward(program, { input, output });
 * program.submit();
 * const [, , , first, second, third] = await device.read(output);
 * for (const value of [first, second, third]) {
 *   ok(Math.abs(value! - 1 / 3) < 1e-6);
 * }
 * ```
 *
 * Training sees other ranks through a {@linkcode Communicator}; one rank alone
 * needs no network:
 *
 * ```ts
 * import { soloCommunicator } from "@signet/signet";
 * import { deepStrictEqual, strictEqual } from "node:assert";
 *
 * const communicator = soloCommunicator();
 * const gradients = communicator.allocate(3);
 * gradients.set([1, 2, 3]);
 * await communicator.allReduce(gradients);
 * strictEqual(communicator.size, 1);
 * deepStrictEqual([...gradients], [1, 2, 3]);
 * ```
 *
 * Programs of many ranks exchange messages and collectives with the names of the
 * MPI standard; `deno task launch -n 4 program.ts` starts them as processes,
 * {@linkcode runRanks} within this one:
 *
 * ```ts
 * import { runRanks } from "@signet/signet";
 * import { deepStrictEqual } from "node:assert";
 *
 * const sums = await runRanks(4, async (comm) => {
 *   const values = Float32Array.of(comm.rank, 1);
 *   await comm.allReduce(values);
 *   return [...values];
 * });
 * deepStrictEqual(sums[3], [6, 4]);
 * ```
 *
 * A run is a folder of plain files; a copy of it is complete:
 *
 * ```ts
 * import { readMetrics, realEnv, RunFolder } from "@signet/signet";
 * import { strictEqual } from "node:assert";
 *
 * const { disk } = realEnv;
 * const path = await Deno.makeTempDir();
 * const run = await RunFolder.create(disk, path);
 * await run.appendMetrics({
 *   time: 0,
 *   phase: "teacher",
 *   step: 1,
 *   epoch: 0,
 *   split: "train",
 *   loss: 2.3,
 * });
 * const { lines, damaged } = await readMetrics(disk, path);
 * strictEqual(lines[0]?.loss, 2.3);
 * strictEqual(damaged, 0);
 * await disk.remove(path);
 * ```
 *
 * Weights are safetensors, with timm's or Hugging Face's names:
 *
 * ```ts
 * import { readSafetensors, writeSafetensors } from "@signet/signet";
 * import { deepStrictEqual } from "node:assert";
 *
 * const data = new Uint8Array(Float32Array.of(1, 2).buffer);
 * const file = writeSafetensors(
 *   new Map([["head.bias", { dtype: "F32", shape: [2], data }]]),
 * );
 * const { tensors } = readSafetensors(file);
 * deepStrictEqual(tensors.get("head.bias")?.shape, [2]);
 * ```
 *
 * @module
 */
export {
  type Config,
  type ConfigKey,
  configKeys,
  loadConfig,
  parseConfig,
} from "./src/config/mod.ts";
export {
  ConfigError,
  type Disk,
  type Env,
  EnvironmentError,
  realEnv,
  SignetError,
} from "./src/env/mod.ts";
export {
  type AdapterFacts,
  AdapterUnavailableError,
  defineKernel,
  Device,
  type DeviceOptions,
  type Dispatch,
  type Kernel,
  Program,
  Readback,
  type Tensor,
} from "./src/gpu/mod.ts";
export {
  geluForward,
  layerNormForward,
  linearForward,
  softmaxForward,
} from "./src/ops/mod.ts";
export {
  type Communicator,
  type LeasedWork,
  type Leases,
  soloCommunicator,
} from "./src/training/mod.ts";
export {
  type Algorithm,
  ANY_SOURCE,
  ANY_TAG,
  type CallOptions,
  CollectiveMismatchError,
  CollectiveTimeoutError,
  Comm,
  type ElementType,
  type Envelope,
  init,
  type InitOptions,
  type IntoOptions,
  type Json,
  type Message,
  type Op,
  RankFailedError,
  type ReceiveOptions,
  type ReduceOp,
  type ReduceOptions,
  type RootOptions,
  runRanks,
  type SendOptions,
  type TypedArray,
  type UserOp,
  type WaitOptions,
} from "./cluster/communicator/mod.ts";
export {
  type MetricsLine,
  readMetrics,
  readSafetensors,
  readSafetensorsFile,
  RunFolder,
  type Safetensors,
  writeSafetensors,
} from "./src/run/mod.ts";
