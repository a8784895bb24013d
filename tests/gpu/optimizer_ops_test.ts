import { deepStrictEqual, throws } from "node:assert";
import { Device, type KernelForm, type Tensor } from "../../src/gpu/mod.ts";
import { adamw, gradientNorm, reduceSum, sgd } from "../../src/ops/mod.ts";
import {
  adamwReference,
  clipFactorReference,
  sgdReference,
} from "../../src/reference/mod.ts";
import { StepUniform } from "../../src/training/mod.ts";
import { assertClose, gaussian, stored } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const LENGTHS = [4, 64, 65 * 4, 70_000];
const BETA1 = 0.9;
const BETA2 = 0.999;

/** Writes what the optimizer kernels read at step `step`. */
function writeStep(uniform: StepUniform, step: number): void {
  uniform.write({
    seed: 1,
    stream: 2,
    step,
    learningRate: 0.01,
    correction1: 1 - BETA1 ** (step + 1),
    correction2: 1 - BETA2 ** (step + 1),
    emaDecay: 0.9,
  });
}

/** Every other block of 64 values decays. */
function decays(index: number): boolean {
  return Math.floor(index / 64) % 2 === 0;
}

function decayMask(length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: Math.ceil(length / 64) },
    (_, i) => decays(i * 64) ? 1 : 0,
  );
}

for (const form of FORMS) {
  Deno.test(`reduceSum() and gradientNorm() sum any length in ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const length of [1, 7, 64, 1023, 1025, 70_001]) {
      const values = gaussian(length, { seed: length });
      const input = device.tensor([length], values);
      const output = device.tensor([5], new Float32Array(5).fill(9));
      const norm = device.tensor([4]);
      device.run((program) => {
        reduceSum(program, { input, output, slot: 3, scale: 0.5 });
        reduceSum(program, { input, output, slot: 0, scale: 2 });
        gradientNorm(program, { gradients: [input, input], output: norm });
      });
      const sum = values.reduce((a, b) => a + b, 0);
      const squares = values.reduce((a, b) => a + b * b, 0);
      assertClose(
        await device.read(output),
        [2 * sum, 9, 9, 0.5 * sum, 9],
        { atol: 3e-6 * Math.sqrt(length), rtol: 1e-6 },
        `sum of ${length}`,
      );
      assertClose(
        await device.read(norm),
        [Math.sqrt(2 * squares), 0, 1, 1],
        { rtol: 3e-6 },
        `norm of ${length}`,
      );
    }
  });

  Deno.test(`gradientNorm() flags a value that is not finite in ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const bad of [NaN, Infinity, -Infinity, 3e19]) {
      const values = gaussian(5000, { seed: 1 });
      values[4321] = bad;
      const clean = device.tensor([100], gaussian(100, { seed: 2 }));
      const output = device.tensor([4]);
      device.run((program) =>
        gradientNorm(program, {
          gradients: [clean, device.tensor([5000], values), clean],
          output,
        })
      );
      deepStrictEqual([...await device.read(output)], [0, 1, 1, 1], `${bad}`);
      // A good gradient opens the gate, unless it was shut for good.
      for (const final of [false, true]) {
        const gradients = [device.tensor([5000], values)];
        const good = [clean];
        device.run((program) => {
          gradientNorm(program, { gradients, output, final });
          gradientNorm(program, { gradients: good, output, final });
        });
        deepStrictEqual((await device.read(output))[1], final ? 2 : 0);
      }
    }
  });
}

Deno.test("adamw() matches three float64 steps with clipping and decay", async () => {
  using device = await Device.open();
  const uniform = new StepUniform(device);
  for (const length of LENGTHS) {
    for (const clipNorm of [0, 1]) {
      const start = gaussian(length, { seed: 1 });
      const g = gaussian(length, { seed: 2 });
      const state = {
        parameter: Float64Array.from(start),
        firstMoment: new Float64Array(length),
        secondMoment: new Float64Array(length),
      };
      const parameter = device.tensor([length], start);
      const firstMoment = device.tensor([length]);
      const secondMoment = device.tensor([length]);
      // Of a loss that was scaled by 2.
      const gradient = device.tensor([length], g.map((value) => 2 * value));
      const decay = device.tensor([Math.ceil(length / 64)], decayMask(length));
      const norm = Math.sqrt(g.reduce((a, b) => a + b * b, 0));
      for (let step = 0; step < 3; step++) {
        writeStep(uniform, step);
        device.run((program) =>
          adamw(program, {
            parameter,
            gradient,
            firstMoment,
            secondMoment,
            decay,
            norm: device.tensor([4], new Float32Array([norm, 0, 0.5, 2])),
            step: uniform.tensor,
            beta1: BETA1,
            beta2: BETA2,
            epsilon: 1e-8,
            weightDecay: 0.05,
            clipNorm,
            rateScale: 0.5,
          })
        );
        adamwReference(state, g, {
          step,
          learningRate: 0.005,
          beta1: BETA1,
          beta2: BETA2,
          epsilon: 1e-8,
          weightDecay: 0.05,
          clip: clipFactorReference(norm, clipNorm),
          decays,
        });
      }
      assertClose(await device.read(parameter), state.parameter, {
        atol: 3e-7,
        rtol: 3e-7,
      });
      assertClose(await device.read(firstMoment), state.firstMoment, {
        rtol: 2e-6,
      });
      assertClose(await device.read(secondMoment), state.secondMoment, {
        rtol: 2e-6,
      });
    }
  }
});

Deno.test("sgd() matches three float64 steps with clipping and decay", async () => {
  using device = await Device.open();
  const uniform = new StepUniform(device);
  for (const length of LENGTHS) {
    for (const clipNorm of [0, 1]) {
      const start = gaussian(length, { seed: 1 });
      const g = gaussian(length, { seed: 2 });
      const state = {
        parameter: Float64Array.from(start),
        momentum: new Float64Array(length),
      };
      const parameter = device.tensor([length], start);
      const momentum = device.tensor([length]);
      // Of a loss that was scaled by 2.
      const gradient = device.tensor([length], g.map((value) => 2 * value));
      const decay = device.tensor([Math.ceil(length / 64)], decayMask(length));
      const norm = Math.sqrt(g.reduce((a, b) => a + b * b, 0));
      for (let step = 0; step < 3; step++) {
        writeStep(uniform, step);
        device.run((program) =>
          sgd(program, {
            parameter,
            gradient,
            momentum,
            decay,
            norm: device.tensor([4], new Float32Array([norm, 0, 0.5, 2])),
            step: uniform.tensor,
            momentumFactor: 0.9,
            weightDecay: 0.001,
            clipNorm,
            rateScale: 2,
          })
        );
        sgdReference(state, g, {
          learningRate: 0.02,
          momentumFactor: 0.9,
          weightDecay: 0.001,
          clip: clipFactorReference(norm, clipNorm),
          decays,
        });
      }
      assertClose(await device.read(parameter), state.parameter, {
        atol: 5e-7,
        rtol: 5e-7,
      });
      assertClose(await device.read(momentum), state.momentum, {
        atol: 1e-6,
        rtol: 1e-6,
      });
    }
  }
});

Deno.test("adamw() and sgd() change nothing when a gradient is not finite", async () => {
  using device = await Device.open();
  const uniform = new StepUniform(device);
  writeStep(uniform, 0);
  const start = gaussian(64, { seed: 1 });
  const parameter = device.tensor([64], start);
  const gradient = device.tensor([64], new Float32Array(64).fill(NaN));
  const moments = [device.tensor([64]), device.tensor([64])] as const;
  const norm = device.tensor([4]);
  const common = {
    parameter,
    gradient,
    decay: device.tensor([1], new Float32Array([1])),
    norm,
    step: uniform.tensor,
    weightDecay: 0.1,
    clipNorm: 1,
    rateScale: 1,
  };
  device.run((program) => {
    gradientNorm(program, { gradients: [gradient], output: norm });
    adamw(program, {
      ...common,
      firstMoment: moments[0],
      secondMoment: moments[1],
      beta1: BETA1,
      beta2: BETA2,
      epsilon: 1e-8,
    });
    sgd(program, { ...common, momentum: moments[0], momentumFactor: 0.9 });
  });
  deepStrictEqual(await device.read(parameter), start);
  for (const moment of moments) {
    deepStrictEqual(await device.read(moment), new Float32Array(64));
  }
});

Deno.test("adamw() and sgd() move the average by 1 - decay and round the copy in the same pass", async () => {
  using device = await Device.open();
  const uniform = new StepUniform(device);
  writeStep(uniform, 0);
  const length = 1028;
  const p = gaussian(length, { seed: 1 });
  const a = gaussian(length, { seed: 2 });
  const gradient = device.tensor([length], gaussian(length, { seed: 3 }));
  for (const optimizer of ["adamw", "sgd"]) {
    for (const shut of [0, 1]) {
      for (const kept of ["both", "average", "half"]) {
        const parameter = device.tensor([length], p);
        const average = device.tensor([length], a);
        const half = device.tensor([length], a, "f16");
        const moments = [0, 1].map(() => device.tensor([length]));
        const common = {
          parameter,
          gradient,
          average: kept === "half" ? undefined : average,
          half: kept === "average" ? undefined : half,
          decay: device.tensor([17], decayMask(length)),
          norm: device.tensor([4], new Float32Array([1, shut, 1, 1])),
          step: uniform.tensor,
          weightDecay: 0.1,
          clipNorm: 0,
          rateScale: 1,
        };
        device.run((program) => {
          if (optimizer === "adamw") {
            adamw(program, {
              ...common,
              firstMoment: moments[0]!,
              secondMoment: moments[1]!,
              beta1: BETA1,
              beta2: BETA2,
              epsilon: 1e-8,
            });
          } else {
            sgd(program, {
              ...common,
              momentum: moments[0]!,
              momentumFactor: 0.9,
            });
          }
        });
        const name = `${optimizer} ${kept} gate ${shut}`;
        const moved = await device.read(parameter);
        deepStrictEqual(moved.some((value, i) => value !== p[i]), shut === 0);
        assertClose(
          await device.read(average),
          a.map((value, i) =>
            shut === 1 || kept === "half"
              ? value
              : 0.9 * value + 0.1 * moved[i]!
          ),
          { atol: 3e-7 },
          name,
        );
        deepStrictEqual(
          await device.read(half),
          stored(shut === 1 || kept === "average" ? a : moved, "f16"),
          name,
        );
      }
    }
  }
});

Deno.test("sgd() moves an average by 1 - decay, and none that equals its parameter", async () => {
  using device = await Device.open();
  const length = 64;
  const p = gaussian(length, { seed: 1 });
  const uniform = new StepUniform(device);
  uniform.write({
    seed: 1,
    stream: 2,
    step: 0,
    learningRate: 0,
    correction1: 0.1,
    correction2: 0.001,
    emaDecay: 0.99996,
  });
  const update = (average: Tensor) =>
    device.run((program) =>
      sgd(program, {
        parameter: device.tensor([length], p),
        gradient: device.tensor([length], p),
        momentum: device.tensor([length]),
        average,
        decay: device.tensor([1]),
        norm: device.tensor([4], new Float32Array([1, 0, 1, 1])),
        step: uniform.tensor,
        momentumFactor: 0.9,
        weightDecay: 0,
        clipNorm: 0,
        rateScale: 1,
      })
    );
  const average = device.tensor([length], p);
  update(average);
  deepStrictEqual(await device.read(average), p);
  const fresh = device.tensor([length]);
  update(fresh);
  assertClose(await device.read(fresh), p.map((value) => 4e-5 * value), {
    rtol: 1e-6,
  });
});

Deno.test("sgd() names the shapes when the lengths differ", async () => {
  using device = await Device.open();
  throws(
    () =>
      device.run((program) =>
        sgd(program, {
          parameter: device.tensor([64]),
          gradient: device.tensor([64]),
          momentum: device.tensor([64]),
          average: device.tensor([128]),
          decay: device.tensor([1]),
          norm: device.tensor([4]),
          step: new StepUniform(device).tensor,
          momentumFactor: 0.9,
          weightDecay: 0,
          clipNorm: 0,
          rateScale: 1,
        })
      ),
    /sgd: shapes do not fit: parameter \[64\].*average \[128\]/,
  );
});
