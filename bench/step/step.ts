import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Device, type RealType } from "../../src/gpu/mod.ts";
import { formOf } from "../common/form.ts";
import type { Row } from "../common/rows.ts";
import type { Verb } from "../common/verb.ts";
import { measureCeilings } from "../ops/ceilings.ts";
import { type OpenPeers, openPeers } from "../peers/open_peers.ts";
import { PEERS } from "../peers/peer.ts";
import { measureStep } from "./measure_step.ts";
import { modelOf, STEP_MODELS } from "./models.ts";
import { stepTable } from "./step_table.ts";

export const step: Verb = {
  about: "whole training steps, beside jax-js, TensorFlow.js and PyTorch",
  help: `Usage: bench step [options]

Trains synthetic images with the step that every run records: images/s, and the
share of the adapter's best matrix product that the step's operations reach.
Peers train the first model: same weights, batch, optimizer and adapter, in turn.

  --model SHAPE      as in the rows, such as ${STEP_MODELS[0]!.shape} or
                     deit224p16d384l12h6b8; default: ${STEP_MODELS.length} models
  --form FORM        register or tiled; default: what the adapter runs faster
  --precision TYPE   f32 or f16; default f32. Peers are always f32
  --no-peers         only ours
  --require-peers    exit 3 when a peer is missing
  --peer-seconds N   longest wait for a peer to compile and do two steps, default 600
  --peer-batch N=B   a smaller batch for one peer, such as tfjs=16
  --runs N           timed steps of each, default 3
  --tiny             a small model: tries the bench, measures nothing
`,
  string: ["model", "form", "precision", "peer-batch"],
  boolean: ["no-peers", "require-peers", "tiny"],
  number: ["runs", "peer-seconds"],
  async run(options, log) {
    const tiny = options.boolean("tiny");
    const asked = options.string("model");
    const models = tiny
      ? [modelOf("vit16p8d36l2h3b5")]
      : asked === undefined
      ? STEP_MODELS
      : [modelOf(asked)];
    const precision = precisionOf(options.string("precision"));
    const runs = Math.max(1, options.number("runs") ?? 3);
    const peerBatch = peerBatchOf(options.string("peer-batch"));
    const peerSeconds = options.number("peer-seconds") ?? 600;
    // Started before the device opens: a required peer that is missing ends it all.
    await using peers: OpenPeers = await openPeers({
      log,
      require: options.boolean("require-peers"),
      names: options.boolean("no-peers") ? [] : PEERS,
    });
    using device = await Device.open({
      form: await formOf(options.string("form")),
    });
    if (precision === "f16" && !device.hasF16) {
      throw new ConfigError(
        `Cannot use --precision f16: ${device.adapter.name} has no shader-f16`,
      );
    }
    log(`${device.adapter.name}, ${device.form} kernels`);
    const { clock } = realEnv;
    using ceilings = await measureCeilings(
      device,
      clock,
      tiny ? "tiny" : "full",
    );
    log(`ceiling: ${ceilings.gemm.name}`);
    const rows: Row[] = [];
    for (const [i, model] of models.entries()) {
      log(`${model.shape}: ${model.about}`);
      rows.push(
        await measureStep(model, {
          device,
          ceiling: ceilings.gemm,
          clock,
          runs,
          precision,
          // Peers have no distillation token; they stop after their model.
          peers: i === 0 && !model.config.distilled ? peers : undefined,
          peerSeconds,
          peerBatch,
          log,
        }),
      );
      await peers.closeAll();
    }
    return { adapter: device.adapter, rows, missing: peers.missing };
  },
  table: stepTable,
};

function peerBatchOf(text: string | undefined): Map<string, number> {
  if (text === undefined) return new Map();
  const [name, batch] = text.split("=");
  if (!PEERS.some((peer) => peer === name) || !/^[1-9]\d*$/.test(batch ?? "")) {
    throw new ConfigError(
      `Cannot use --peer-batch ${text}: it needs a peer and a batch`,
      { hint: `such as tfjs=16; peers: ${PEERS.join(" ")}` },
    );
  }
  return new Map([[name!, Number(batch)]]);
}

function precisionOf(text: string | undefined): RealType {
  if (text === undefined || text === "f32" || text === "f16") {
    return text ?? "f32";
  }
  throw new ConfigError(
    `Cannot use --precision ${text}: there is no such precision`,
    { hint: "precisions: f32 f16" },
  );
}
