import { totalVariation } from "../evaluation/mod.ts";
import type { Program, Tensor } from "../gpu/mod.ts";
import {
  argmaxRows,
  consistencyMse,
  crossEntropy,
  distillKl,
  entropy,
  featureMse,
  reduceSum,
  softCrossEntropy,
} from "../ops/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture } from "./fixture.ts";
import { relationalLoss, relationalMiddle } from "./relational_case.ts";

/** Where a loss writes: rows of the loss, and the gradient of its mean. */
interface Target {
  /** Rows that the loss is a mean over. */
  rows: number;
  rowWeights: Tensor;
  loss: Tensor;
  gradient: Tensor;
}

/** Records one loss, the mean over `scale` being left to the caller's sum. */
type Recorder = (
  program: Program,
  target: Target,
  inputs: { first: Tensor; second: (name: string) => Tensor },
) => void;

/** A loss by its name: the first argument's tensor and the recorder. */
interface Loss {
  first: string;
  record: Recorder;
  /** The loss and gradient are divided by this besides the number of rows. */
  divisor?: number;
}

/** `loss.X` and `grad.X` of every loss of the file, and `mid.*`. */
export async function lossesCase(
  fixture: Fixture,
  context: GoldenContext,
): Promise<void> {
  for (const [name, kind] of fixture.matching(/^loss\.(.+)$/)) {
    const relational = await relationalLoss(fixture, context, kind!);
    const found = relational ?? await rowLoss(fixture, context, kind!);
    if (found === undefined) continue;
    fixture.compare("loss", name, [found.loss]);
    if (found.gradient && fixture.has(`grad.${kind}`)) {
      fixture.compare("grad", `grad.${kind}`, found.gradient);
    }
  }
  await relationalMiddle(fixture, context);
}

async function rowLoss(
  fixture: Fixture,
  { device }: GoldenContext,
  kind: string,
): Promise<{ loss: number; gradient?: Float32Array } | undefined> {
  if (kind === "total_variation") {
    const student = fixture.input("in.student");
    const { data } = fixture.input("in.teacher");
    const loss = totalVariation(student.data, data, student.shape.at(-1) ?? 0);
    return { loss };
  }
  const loss = lossOf(kind, fixture);
  if (loss === undefined) return undefined;
  const tensor = (name: string) => {
    const { shape, data } = fixture.input(name);
    return name === "in.label"
      ? device.tensor(shape, Uint32Array.from(data))
      : device.tensor(shape, data);
  };
  const first = tensor(loss.first);
  const rows = first.shape[0] ?? 0;
  const rowWeights = device.tensor([rows], new Float32Array(rows).fill(1));
  const gradient = device.tensor(first.shape);
  const value = device.tensor([1]);
  device.run((program) => {
    const rowLosses = device.tensor([rows]);
    const target = { rows, rowWeights, loss: rowLosses, gradient };
    loss.record(program, target, { first, second: tensor });
    reduceSum(program, {
      input: rowLosses,
      output: value,
      slot: 0,
      scale: 1 / rows / (loss.divisor ?? 1),
    });
  });
  return {
    loss: (await device.read(value))[0]!,
    gradient: await device.read(gradient),
  };
}

function lossOf(kind: string, fixture: Fixture): Loss | undefined {
  const soft = /^kd_soft_(numel_)?t(\d+(?:\.\d+)?)$/.exec(kind);
  if (soft) {
    const classes = fixture.stored("in.student").shape.at(-1) ?? 1;
    return softDistillation(Number(soft[2]), soft[1] ? classes : 1);
  }
  switch (kind) {
    case "ce":
      return labelled(0);
    case "ce_smooth":
      return labelled(0.1);
    case "soft_ce":
      return {
        first: "in.student",
        record: (program, target, { first, second }) =>
          softCrossEntropy(program, {
            logits: first,
            targets: second("in.target"),
            rowWeights: target.rowWeights,
            scale: 1 / target.rows,
            loss: target.loss,
            dLogits: target.gradient,
          }),
      };
    case "kd_hard":
      return {
        first: "in.student",
        record(program, target, { first, second }) {
          const labels = program.scratch([target.rows], "u32");
          argmaxRows(program, { logits: second("in.teacher"), labels });
          crossEntropyInto(program, target, { logits: first, labels });
        },
      };
    case "consistency_mse":
      return {
        first: "in.student",
        record: (program, target, { first, second }) =>
          consistencyMse(program, {
            student: first,
            teacher: second("in.teacher"),
            rowWeights: target.rowWeights,
            scale: 1 / target.rows,
            loss: target.loss,
            dStudent: target.gradient,
          }),
      };
    case "entropy":
      return {
        first: "in.student",
        record: (program, target, { first }) =>
          entropy(program, {
            logits: first,
            rowWeights: target.rowWeights,
            scale: 1 / target.rows,
            loss: target.loss,
            dLogits: target.gradient,
          }),
      };
    case "feature_mse":
      return { first: "in.tokens_s", record: recordFeatureMse };
  }
  return undefined;
}

function labelled(smoothing: number): Loss {
  return {
    first: "in.student",
    record: (program, target, { first, second }) =>
      crossEntropyInto(program, target, {
        logits: first,
        labels: second("in.label"),
        smoothing,
      }),
  };
}

function softDistillation(temperature: number, divisor: number): Loss {
  return {
    first: "in.student",
    divisor,
    record: (program, target, { first, second }) =>
      distillKl(program, {
        student: first,
        teacher: second("in.teacher"),
        rowWeights: target.rowWeights,
        temperature,
        scale: 1 / target.rows / divisor,
        loss: target.loss,
        dStudent: target.gradient,
      }),
  };
}

function crossEntropyInto(
  program: Program,
  target: Target,
  args: { logits: Tensor; labels: Tensor; smoothing?: number },
): void {
  crossEntropy(program, {
    logits: args.logits,
    labels: args.labels,
    rowWeights: target.rowWeights,
    smoothing: args.smoothing ?? 0,
    scale: 1 / target.rows,
    loss: target.loss,
    dLogits: target.gradient,
  });
}

function recordFeatureMse(
  ...[program, target, { first, second }]: Parameters<Recorder>
): void {
  const flat = (tensor: Tensor): Tensor => {
    const [batch = 0, tokens = 0, dim = 0] = tensor.shape;
    return { ...tensor, shape: [batch * tokens, dim] };
  };
  featureMse(program, {
    student: flat(first),
    teacher: flat(second("in.tokens_t")),
    batch: target.rows,
    rowWeights: target.rowWeights,
    scale: 1 / target.rows,
    loss: target.loss,
    dStudent: target.gradient,
  });
}
