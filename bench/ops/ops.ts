import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Device, type KernelForm, type RealType } from "../../src/gpu/mod.ts";
import { probeForm } from "../../src/ops/mod.ts";
import { type OpenPeers, openPeers } from "../peers/open_peers.ts";
import type { Row } from "../common/rows.ts";
import type { Report, Verb } from "../common/verb.ts";
import { attentionCases } from "./attention_bench.ts";
import { measureCeilings } from "./ceilings.ts";
import { gemmCases } from "./gemm_bench.ts";
import { inputCases } from "./input_bench.ts";
import { measureCase } from "./measure_case.ts";
import type { OpFamily } from "./op_case.ts";
import { optimizerCases } from "./optimizer_bench.ts";
import { rowCases } from "./row_bench.ts";

const FAMILIES: readonly OpFamily[] = [
  gemmCases,
  attentionCases,
  rowCases,
  optimizerCases,
  inputCases,
];

/** An op that does not exist in a precision, with what it said. */
export interface Skipped {
  readonly name: string;
  readonly shape: string;
  readonly precision: string;
  readonly reason: string;
}

export const ops: Verb = {
  about:
    "each op against the best matrix product, or the copy, of this adapter",
  help: `Usage: bench ops [options]

Checks each op against the float64 reference, then times it in turn with the
ceiling: the fastest matrix product, or copy, of this adapter in this run.

  --filter TEXT      only ops with this text in "name shape layout"
  --form FORM        register, tiled or both; default: what the adapter runs faster
  --precision TYPE   f32, f16 or both; default f32
  --peers            matrix products of jax-js and TensorFlow.js beside ours
  --require-peers    exit 3 when a peer is missing; implies --peers
  --runs N           runs of each op, default 7
  --tiny             small shapes: tries the bench, measures nothing
`,
  string: ["filter", "form", "precision"],
  boolean: ["peers", "require-peers", "tiny"],
  number: ["runs"],
  async run(options, log) {
    const filter = options.string("filter") ?? "";
    const size = options.boolean("tiny") ? "tiny" : "full";
    const runs = Math.max(1, options.number("runs") ?? 7);
    const wanted = options.boolean("peers") || options.boolean("require-peers");
    const rows: Row[] = [];
    const skipped: Skipped[] = [];
    await using peers: OpenPeers = wanted
      ? await openPeers({ log, require: options.boolean("require-peers") })
      : await openPeers({ log, require: false, names: [] });
    let adapter: Report["adapter"];
    for (const form of await formsOf(options.string("form"))) {
      using device = await Device.open({ form });
      adapter = device.adapter;
      const { clock } = realEnv;
      log(`${adapter.name}, ${form} kernels`);
      using ceilings = await measureCeilings(device, clock, size);
      log(`ceilings: ${ceilings.gemm.name}, ${ceilings.copy.name}`);
      for (
        const precision of precisionsOf(options.string("precision"), device)
      ) {
        const context = { device, precision };
        for (const { label, make } of FAMILIES.flatMap((f) => [...f(size)])) {
          if (!label.includes(filter)) continue;
          using op = make(context);
          try {
            const row = await measureCase(op, {
              context,
              ceilings,
              clock,
              runs,
              peers: precision === "f32" ? peers : undefined,
            });
            rows.push(row);
            log(progressOf(row));
          } catch (error) {
            // A shape or type without a kernel is a fact to print, not a failure.
            if (!(error instanceof RangeError)) throw error;
            skipped.push({
              name: op.name,
              shape: op.shape,
              precision,
              reason: error.message,
            });
            log(`no ${op.name} ${op.shape} in ${precision}: ${error.message}`);
          }
        }
      }
    }
    if (rows.length === 0 && skipped.length === 0) {
      throw new ConfigError(
        `Cannot measure: no op has "${filter}" in its name`,
        {
          hint:
            "gemm attention_forward layer_norm_backward gelu cross_entropy adamw adamw_average augment patchify",
        },
      );
    }
    return {
      adapter: adapter!,
      rows,
      missing: peers.missing,
      skipped,
    };
  },
};

function progressOf({ name, shape, layout = "", ratio = NaN }: Row): string {
  return `${name} ${shape} ${layout} ${Math.round(100 * ratio)} %`;
}

async function formsOf(text: string | undefined): Promise<KernelForm[]> {
  switch (text) {
    case undefined:
      return [
        await probeForm((form) => Device.open({ form }), realEnv.clock),
      ];
    case "both":
      return ["register", "tiled"];
    case "register":
    case "tiled":
      return [text];
  }
  throw new ConfigError(`Cannot use --form ${text}: there is no such form`, {
    hint: "forms: register tiled both",
  });
}

function precisionsOf(text: string | undefined, device: Device): RealType[] {
  const known: Record<string, RealType[]> = {
    f32: ["f32"],
    f16: ["f16"],
    both: ["f32", "f16"],
  };
  const chosen = known[text ?? "f32"];
  if (chosen === undefined) {
    throw new ConfigError(
      `Cannot use --precision ${text}: there is no such precision`,
      { hint: "precisions: f32 f16 both" },
    );
  }
  if (chosen.includes("f16") && !device.hasF16) {
    throw new ConfigError(
      `Cannot use --precision ${text}: ${device.adapter.name} has no shader-f16`,
    );
  }
  return chosen;
}
