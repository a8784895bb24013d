// Values that change every step, written once per step by the host.
// Bound as `var<uniform> step: Step`; layout in src/training/step_uniform.ts.
struct Step {
  // Philox key: run seed and a number that differs per phase.
  seed: u32,
  stream: u32,
  // Optimizer step, from 0.
  step: u32,
  learning_rate: f32,
  // 1 - beta1^t and 1 - beta2^t of AdamW, t = step + 1.
  correction1: f32,
  correction2: f32,
  // 1 - decay of the average, rounded once on the host: in f32 it is off by 1e-4 at
  // a decay of 0.99996.
  ema_rest: f32,
}
