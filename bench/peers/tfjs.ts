import { type Problem, readProblem, type Values } from "./problem_file.ts";
import { serve, timed } from "./serve.ts";

// Not literals, so that checks pass where the packages are not installed.
const PACKAGES = ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-webgpu"];
const [module] = await Promise.all(PACKAGES.map((name) => import(name)));
const tf = module.default ?? module;

/** A tensor or variable of TensorFlow.js. */
// deno-lint-ignore no-explicit-any
type Value = any;
type Tree = Record<string, Value>;

/** `[rows, in] W^T + b`, `W` as `[out, in]`. */
function linear(x: Value, weight: Value, bias: Value): Value {
  return tf.matMul(x, weight, false, true).add(bias);
}

function layerNorm(x: Value, p: Tree, name: string, epsilon: number): Value {
  const centred = x.sub(x.mean(-1, true));
  const variance = centred.square().mean(-1, true);
  return centred.mul(variance.add(epsilon).rsqrt())
    .mul(p[`${name}.weight`]).add(p[`${name}.bias`]);
}

function gelu(x: Value): Value {
  return x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1));
}

/** Mean cross-entropy of a batch. */
function lossOf(
  { model, batch }: Problem,
  p: Tree,
  patches: Value,
  labels: Value,
): Value {
  const { dim, heads, depth, epsilon } = model;
  const apply = (x: Value, name: string) =>
    linear(x, p[`${name}.weight`], p[`${name}.bias`]);
  const grid = patches.shape[1];
  const tokens = grid + 1;
  const rows = batch * tokens;
  const embedded = linear(
    patches.reshape([batch * grid, -1]),
    p["patch_embed.proj.weight"].reshape([dim, -1]),
    p["patch_embed.proj.bias"],
  ).reshape([batch, grid, dim]);
  const first = tf.tile(p["cls_token"], [batch, 1, 1]);
  let x = tf.concat([first, embedded], 1).add(p["pos_embed"])
    .reshape([rows, dim]);
  for (let i = 0; i < depth; i++) {
    const block = `blocks.${i}`;
    const normed = layerNorm(x, p, `${block}.norm1`, epsilon);
    const qkv = apply(normed, `${block}.attn.qkv`)
      .reshape([batch, tokens, 3, heads, dim / heads])
      .transpose([2, 0, 3, 1, 4]);
    const [q, k, v] = tf.unstack(qkv);
    const scores = tf.matMul(q, k, false, true).mul((dim / heads) ** -0.5);
    const attended = tf.matMul(tf.softmax(scores), v)
      .transpose([0, 2, 1, 3]).reshape([rows, dim]);
    x = x.add(apply(attended, `${block}.attn.proj`));
    const hidden = apply(
      layerNorm(x, p, `${block}.norm2`, epsilon),
      `${block}.mlp.fc1`,
    );
    x = x.add(apply(gelu(hidden), `${block}.mlp.fc2`));
  }
  const pooled = layerNorm(
    x.reshape([batch, tokens, dim]).slice([0, 0, 0], [batch, 1, dim])
      .reshape([batch, dim]),
    p,
    "norm",
    epsilon,
  );
  return tf.losses.softmaxCrossEntropy(labels, apply(pooled, "head"));
}

let runStep: () => Promise<number>;

/** Loads the problem and runs the two steps whose losses are compared. */
async function open(request: Record<string, unknown>) {
  const { problem, weights, patches, labels } = await readProblem(
    String(request.problem),
  );
  const x = tensor(patches);
  const y = tensor(labels);
  const p: Tree = {};
  let parameters = 0;
  for (const [name, values] of weights) {
    p[name] = tf.variable(tensor(values), true, name);
    parameters += values.data.length;
  }
  const { beta1, beta2, epsilon, learningRate, weightDecay } =
    problem.optimizer;
  const adam = tf.train.adam(learningRate, beta1, beta2, epsilon);
  runStep = async () => {
    const loss = tf.tidy(() => {
      const { value, grads } = tf.variableGrads(
        () => lossOf(problem, p, x, y),
        Object.values(p),
      );
      // Decoupled weight decay, which the package's Adam does not have.
      for (const name of problem.decays) {
        p[name].assign(p[name].mul(1 - learningRate * weightDecay));
      }
      adam.applyGradients(grads);
      return value;
    });
    // The last parameter is ready when the whole step is.
    await p["head.bias"].data();
    const [value] = await loss.data();
    loss.dispose();
    return value;
  };
  const losses: number[] = [];
  const first = await timed(async () => losses.push(await runStep()));
  losses.push(await runStep());
  return { parameters, losses, firstMs: first.ms };
}

/** Matrix product in one of the layouts, repeated; checked by the caller's values. */
async function gemm(request: Record<string, unknown>) {
  const { layout, rows, depth, cols, repeats } = request as {
    layout: "NN" | "NT" | "TN";
    rows: number;
    depth: number;
    cols: number;
    repeats: number;
  };
  const values = (length: number, factor: number) =>
    Float32Array.from({ length }, (_, i) => ((i * factor) % 17 - 8) / 8);
  const left = tf.tensor(
    values(rows * depth, 7),
    layout === "TN" ? [depth, rows] : [rows, depth],
  );
  const right = tf.tensor(
    values(depth * cols, 5),
    layout === "NT" ? [cols, depth] : [depth, cols],
  );
  const product = () =>
    tf.matMul(left, right, layout === "TN", layout === "NT");
  const first = product();
  const head = [...(await first.data()).slice(0, 8)];
  first.dispose();
  const { ms, cpuMs } = await timed(async () => {
    let last: Value;
    for (let i = 0; i < repeats; i++) {
      last?.dispose();
      last = product();
    }
    // One element: the queue is in order, so everything is done.
    const corner = last.slice([0, 0], [1, 1]);
    await corner.data();
    corner.dispose();
    last.dispose();
  });
  left.dispose();
  right.dispose();
  return { ms: ms / repeats, cpuMs: cpuMs / repeats, head };
}

function tensor({ data, shape }: Values): Value {
  return tf.tensor(data, [...shape]);
}

if (!await tf.setBackend("webgpu")) {
  throw new Error("TensorFlow.js cannot use its WebGPU backend");
}
await tf.ready();
await serve({
  about: () => Promise.resolve({ version: tf.version.tfjs }),
  open,
  gemm,
  step: () => timed(() => runStep()),
});
