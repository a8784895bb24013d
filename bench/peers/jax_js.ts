import config from "../deno.json" with { type: "json" };
import { type Problem, readProblem, type Values } from "./problem_file.ts";
import { serve, timed } from "./serve.ts";

// Not a literal, so that checks pass where the package is not installed.
const PACKAGE = "@jax-js/jax";
const jax = await import(PACKAGE);
const { numpy: np, nn } = jax;

/** An array or tracer of jax-js; passing one on gives it away unless `.ref`. */
// deno-lint-ignore no-explicit-any
type Value = any;
type Tree = Record<string, Value>;

/** `[..., in] W^T + b`, `W` as `[out, in]`. */
function linear(x: Value, weight: Value, bias: Value): Value {
  return np.matmul(x, weight.transpose()).add(bias);
}

function layerNorm(x: Value, p: Tree, name: string, epsilon: number): Value {
  const centred = x.ref.sub(x.mean(-1, { keepdims: true }));
  const variance = np.square(centred.ref).mean(-1, { keepdims: true });
  return centred.div(np.sqrt(variance.add(epsilon)))
    .mul(p[`${name}.weight`].ref).add(p[`${name}.bias`].ref);
}

/** Mean cross-entropy of a batch; every parameter is used through `.ref`. */
function lossOf(
  { model, batch }: Problem,
  p: Tree,
  patches: Value,
  labels: Value,
): Value {
  const { dim, heads, depth, epsilon } = model;
  const at = (name: string) => p[name].ref;
  const apply = (x: Value, name: string) =>
    linear(x, at(`${name}.weight`), at(`${name}.bias`));
  const embedded = linear(
    patches,
    at("patch_embed.proj.weight").reshape([dim, -1]),
    at("patch_embed.proj.bias"),
  );
  const first = np.broadcastTo(at("cls_token"), [batch, 1, dim]);
  let x = np.concatenate([first, embedded], 1).add(at("pos_embed"));
  const tokens = x.shape[1];
  for (let i = 0; i < depth; i++) {
    const block = `blocks.${i}`;
    const normed = layerNorm(x.ref, p, `${block}.norm1`, epsilon);
    const qkv = apply(normed, `${block}.attn.qkv`)
      .reshape([batch, tokens, 3, heads, dim / heads]);
    const part = (index: number, value: Value) =>
      value.slice([], [], index, [], []);
    const attended = nn.dotProductAttention(
      part(0, qkv.ref),
      part(1, qkv.ref),
      part(2, qkv),
    ).reshape([batch, tokens, dim]);
    x = x.add(apply(attended, `${block}.attn.proj`));
    const hidden = apply(
      layerNorm(x.ref, p, `${block}.norm2`, epsilon),
      `${block}.mlp.fc1`,
    );
    const active = nn.gelu(hidden, { approximate: false });
    x = x.add(apply(active, `${block}.mlp.fc2`));
  }
  const normed = layerNorm(x, p, "norm", epsilon);
  const logits = apply(normed.slice([], 0, []), "head");
  for (const value of Object.values(p)) value.dispose();
  return nn.logSoftmax(logits, -1).mul(labels).sum().mul(-1 / batch);
}

/** One jitted training step: loss, gradients and AdamW, as a user writes them. */
function makeStep(problem: Problem) {
  const { beta1, beta2, epsilon, learningRate, weightDecay } =
    problem.optimizer;
  const decays = new Set(problem.decays);
  const lossAndGradients = jax.valueAndGrad(
    (p: Tree, patches: Value, labels: Value) =>
      lossOf(problem, p, patches, labels),
  );
  return jax.jit((
    p: Tree,
    m: Tree,
    v: Tree,
    corrections: Value,
    patches: Value,
    labels: Value,
  ) => {
    const refs = Object.fromEntries(
      Object.entries(p).map(([name, value]) => [name, value.ref]),
    );
    const [loss, gradients] = lossAndGradients(refs, patches, labels);
    const next: Tree = {};
    const nextM: Tree = {};
    const nextV: Tree = {};
    for (const name of Object.keys(p)) {
      const g = gradients[name];
      nextM[name] = m[name].mul(beta1).add(g.ref.mul(1 - beta1));
      nextV[name] = v[name].mul(beta2).add(np.square(g).mul(1 - beta2));
      const mHat = nextM[name].ref.div(corrections.ref.slice(0));
      const vHat = nextV[name].ref.div(corrections.ref.slice(1));
      const kept = decays.has(name)
        ? p[name].mul(1 - learningRate * weightDecay)
        : p[name];
      next[name] = kept.sub(
        mHat.div(np.sqrt(vHat).add(epsilon)).mul(learningRate),
      );
    }
    corrections.dispose();
    return [loss, next, nextM, nextV];
  });
}

function array({ data, shape }: Values): Value {
  return np.array(data).reshape([...shape]);
}

let runStep: () => Promise<number>;

/** Loads the problem, compiles, and runs the two steps whose losses are compared. */
async function open(request: Record<string, unknown>) {
  const { problem, weights, patches, labels } = await readProblem(
    String(request.problem),
  );
  const x = array(patches);
  const y = array(labels);
  let p: Tree = {};
  let m: Tree = {};
  let v: Tree = {};
  let parameters = 0;
  for (const [name, values] of weights) {
    p[name] = array(values);
    m[name] = np.zeros([...values.shape]);
    v[name] = np.zeros([...values.shape]);
    parameters += values.data.length;
  }
  const step = makeStep(problem);
  let count = 0;
  runStep = async () => {
    count++;
    const { beta1, beta2 } = problem.optimizer;
    const corrections = np.array(
      new Float32Array([1 - beta1 ** count, 1 - beta2 ** count]),
    );
    const [loss, ...state] = step(p, m, v, corrections, x.ref, y.ref);
    [p, m, v] = state;
    await jax.blockUntilReady(p);
    return (await loss.data())[0];
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
  const left = np.array(values(rows * depth, 7))
    .reshape(layout === "TN" ? [depth, rows] : [rows, depth]);
  const right = np.array(values(depth * cols, 5))
    .reshape(layout === "NT" ? [cols, depth] : [depth, cols]);
  const product = jax.jit((a: Value, b: Value) =>
    np.matmul(
      layout === "TN" ? a.transpose() : a,
      layout === "NT" ? b.transpose() : b,
    )
  );
  const once = () => product(left.ref, right.ref);
  const head = [...(await once().data()).slice(0, 8)];
  const { ms, cpuMs } = await timed(async () => {
    for (let i = 1; i < repeats; i++) once().dispose();
    // The queue is in order: when the last is ready, all are.
    const last = once();
    await last.blockUntilReady();
    last.dispose();
  });
  left.dispose();
  right.dispose();
  return { ms: ms / repeats, cpuMs: cpuMs / repeats, head };
}

const devices: string[] = await jax.init();
if (!devices.includes("webgpu")) {
  throw new Error(`jax-js found no WebGPU, only ${devices.join(" ")}`);
}
jax.defaultDevice("webgpu");
await serve({
  about: () => Promise.resolve({ version: config.imports[PACKAGE] }),
  open,
  gemm,
  step: () => timed(() => runStep()),
});
