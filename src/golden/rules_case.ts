import { crossEntropy, softmaxForward } from "../ops/mod.ts";
import {
  FlexMatchRule,
  FreeMatchRule,
  type PseudoLabelRule,
  SoftMatchRule,
  ThresholdRule,
} from "../phases/rules/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture } from "./fixture.ts";
import { count, readJson, ruleOptions } from "./schema.ts";

/** Collects the values of all steps under the name of the file's tensor. */
type Record = (name: string, values: ArrayLike<number>) => void;

interface Rule {
  rule: PseudoLabelRule;
  /** State after a step that the file shows besides labels, weights, loss and gradient. */
  observe(record: Record, probabilities: Float32Array): void;
}

/** Pseudo-labels, losses and state of every rule over the steps of the file. */
export async function rulesCase(
  fixture: Fixture,
  context: GoldenContext,
): Promise<void> {
  const weak = fixture.input("in.weak");
  const strong = fixture.input("in.strong");
  const indices = fixture.labels("in.index");
  const [steps = 0, batch = 0, classes = 0] = weak.shape;
  const names = new Set(
    fixture.names.filter((name) => !name.startsWith("in."))
      .map((name) => name.split(".")[0]!),
  );
  for (const name of names) {
    const created = createRule(fixture, name, classes);
    if (created === undefined) continue;
    const series = new Map<string, number[]>();
    const record: Record = (key, values) => {
      const all = series.get(key) ?? [];
      for (let i = 0; i < values.length; i++) all.push(values[i]!);
      series.set(key, all);
    };
    const width = batch * classes;
    for (let step = 0; step < steps; step++) {
      const rows = weak.data.slice(step * width, (step + 1) * width);
      const probabilities = await softmax(context, rows, [batch, classes]);
      const { labels, weights } = created.rule.apply({
        indices: indices.subarray(step * batch, (step + 1) * batch),
        weak: probabilities,
      });
      record("label", labels);
      record("weight", weights);
      const { loss, gradient } = await maskedLoss(context, {
        logits: strong.data.slice(step * width, (step + 1) * width),
        shape: [batch, classes],
        labels: Uint32Array.from(labels),
        weights,
      });
      record("loss", [loss]);
      record("grad", gradient);
      created.observe(record, probabilities);
    }
    for (const [key, values] of series) {
      const tensor = `${name}.${key}`;
      if (!fixture.has(tensor)) continue;
      const group = key === "label"
        ? "exact"
        : key === "loss" || key === "grad"
        ? key
        : "state";
      fixture.compare(group, tensor, values);
    }
  }
}

function createRule(
  fixture: Fixture,
  name: string,
  classes: number,
): Rule | undefined {
  const options = readJson(fixture, "rules", ruleOptions);
  if (name === "fixmatch" && options.fixmatch) {
    const rule = new ThresholdRule({
      classes,
      threshold: options.fixmatch.tau,
    });
    return { rule, observe: () => {} };
  }
  if (name.startsWith("flexmatch") && options.flexmatch) {
    const rule = new FlexMatchRule({
      classes,
      threshold: options.flexmatch.tau,
      total: readJson(fixture, "total", count),
      warmup: name !== "flexmatch_nowarmup",
    });
    return { rule, observe: (record) => record("beta", rule.state().beta!) };
  }
  if (name === "freematch" && options.freematch) {
    const rule = new FreeMatchRule({ classes, momentum: options.freematch.m });
    return {
      rule,
      observe(record) {
        const { time, p, hist } = rule.state();
        record("time", time!);
        record("p", p!);
        record("hist", hist!);
        record(
          "tau",
          Array.from(p!, (_, label) => rule.leastConfidence(label)),
        );
      },
    };
  }
  if (name === "softmatch" && options.softmatch) {
    const rule = new SoftMatchRule({
      classes,
      momentum: options.softmatch.m,
      // Of the files.
      sigmas: 2,
    });
    return {
      rule,
      observe(record, probabilities) {
        const { p, mu, var: variance } = rule.state();
        record("p", p!);
        record("mu", mu!);
        record("var", variance!);
        record("aligned", rule.align(probabilities));
      },
    };
  }
  return undefined;
}

async function softmax(
  { device }: GoldenContext,
  rows: Float32Array,
  shape: readonly number[],
): Promise<Float32Array> {
  const output = device.tensor(shape);
  device.run((program) =>
    softmaxForward(program, { input: device.tensor(shape, rows), output })
  );
  return await device.read(output);
}

/** `sum_i w_i CE(strong_i, label_i) / batch` and its gradient. */
async function maskedLoss(
  { device }: GoldenContext,
  args: {
    logits: Float32Array;
    shape: readonly [number, number];
    labels: Uint32Array;
    weights: Float32Array;
  },
): Promise<{ loss: number; gradient: Float32Array }> {
  const { logits, shape, labels, weights } = args;
  const [batch] = shape;
  const loss = device.tensor([batch]);
  const dLogits = device.tensor(shape);
  device.run((program) =>
    crossEntropy(program, {
      logits: device.tensor(shape, logits),
      labels: device.tensor([batch], labels),
      rowWeights: device.tensor([batch], weights),
      smoothing: 0,
      scale: 1 / batch,
      loss,
      dLogits,
    })
  );
  const rows = await device.read(loss);
  return {
    loss: rows.reduce((sum, value) => sum + value, 0) / batch,
    gradient: await device.read(dLogits),
  };
}
