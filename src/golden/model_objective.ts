import type { Device, Program, Tensor } from "../gpu/mod.ts";
import type { HeadActivations, HeadGradients } from "../model/mod.ts";
import {
  argmaxRows,
  crossEntropy,
  distillKl,
  reduceSum,
  relationalAngle,
  relationalDistance,
} from "../ops/mod.ts";
import type { Fixture } from "./fixture.ts";
import type { ModelConfig } from "./schema.ts";

/** What a step minimises: the parts of its loss, their weights and their inputs. */
export interface Objective {
  /** Parts under the file's names, with their weights in the total, by slot. */
  readonly parts: readonly { name: string; weight: number }[];
  /** Records the losses into `values`, one slot a part, and returns their gradients. */
  record(
    program: Program,
    heads: HeadActivations,
    values: Tensor,
  ): HeadGradients;
  /** Writes the inputs of a step. */
  write(step: number): void;
}

/** One step of an input that holds all steps in its first dimension. */
export function stepOf(
  fixture: Fixture,
  name: string,
  step: number,
): { shape: readonly number[]; data: Float32Array<ArrayBuffer> } {
  const { shape, data } = fixture.input(name);
  const length = data.length / (shape[0] || 1);
  return {
    shape: shape.slice(1),
    data: data.slice(step * length, (step + 1) * length),
  };
}

/** The objectives on labelled images; `fixmatch` is in model_fixmatch.ts. */
export function objectiveOf(
  device: Device,
  fixture: Fixture,
  config: Exclude<ModelConfig, { loss: "fixmatch" }>,
): Objective {
  const { batch, classes, smooth } = config;
  const labels = device.tensor([batch], undefined, "u32");
  const ones = device.tensor([batch], new Float32Array(batch).fill(1));
  const teacherLogits = device.tensor([batch, classes]);
  const teacherFeature = config.loss === "rkd"
    ? device.tensor([batch, config.teacher_dim])
    : undefined;
  const alpha = config.loss === "ce" ? 0 : config.alpha;
  const parts = [{ name: "ce", weight: 1 - alpha }];
  if (config.loss !== "ce") parts.push({ name: "kd", weight: alpha });
  if (config.loss === "rkd") {
    parts.push({ name: "rkd_d", weight: config.rkd_d });
    parts.push({ name: "rkd_a", weight: config.rkd_a });
  }

  function record(
    program: Program,
    heads: HeadActivations,
    values: Tensor,
  ): HeadGradients {
    const rows = program.scratch([batch]);
    const keep = (slot: number) =>
      reduceSum(program, {
        input: rows,
        output: values,
        slot,
        scale: 1 / batch,
      });
    const dLogits = program.scratch([batch, classes]);
    crossEntropy(program, {
      logits: heads.logits,
      labels,
      rowWeights: ones,
      smoothing: smooth,
      scale: (1 - alpha) / batch,
      loss: rows,
      dLogits,
    });
    keep(0);
    if (config.loss === "ce") return { dLogits };
    if (heads.distillation === undefined) {
      throw new RangeError(`Cannot record ${config.loss}: dist is 0`);
    }
    const dDistillationLogits = program.scratch([batch, classes]);
    if (config.loss === "hard") {
      const chosen = program.scratch([batch], "u32");
      argmaxRows(program, { logits: teacherLogits, labels: chosen });
      crossEntropy(program, {
        logits: heads.distillation.logits,
        labels: chosen,
        rowWeights: ones,
        smoothing: 0,
        scale: alpha / batch,
        loss: rows,
        dLogits: dDistillationLogits,
      });
    } else {
      distillKl(program, {
        student: heads.distillation.logits,
        teacher: teacherLogits,
        rowWeights: ones,
        temperature: config.tau,
        scale: alpha / batch,
        loss: rows,
        dStudent: dDistillationLogits,
      });
    }
    keep(1);
    if (teacherFeature === undefined) return { dLogits, dDistillationLogits };
    const dFeature = program.scratch(heads.feature.shape);
    [relationalDistance, relationalAngle].forEach((relational, i) => {
      const loss = program.scratch([1]);
      relational(program, {
        student: heads.feature,
        teacher: teacherFeature,
        loss,
        dStudent: dFeature,
        scale: parts[2 + i]!.weight,
        accumulate: i > 0,
        equalRows: "clamped",
      });
      reduceSum(program, {
        input: loss,
        output: values,
        slot: 2 + i,
        scale: 1,
      });
    });
    return { dLogits, dDistillationLogits, dFeature };
  }

  function write(step: number): void {
    const { data } = stepOf(fixture, "in.label", step);
    device.write(labels, Uint32Array.from(data));
    if (config.loss === "ce") return;
    const logits = stepOf(fixture, "in.teacher_logits", step);
    device.write(teacherLogits, logits.data);
    if (teacherFeature === undefined) return;
    const feature = stepOf(fixture, "in.teacher_feat", step);
    device.write(teacherFeature, feature.data);
  }

  return { parts, record, write };
}
