// What the optimizers share, for a flat segment of which each invocation updates four
// values: the factor of the gradient and what is written of the new parameters, so
// that update, moving average and f16 copy are one pass over memory.
//
//   average = average + ema_rest (p - average)     with AVERAGE
//   half    = f16(p)                                      with HALF
//
// The average is written so that one that equals its parameter stays exactly that.

override AVERAGE: bool = false;
override HALF: bool = false;

@group(0) @binding(1) var<uniform> step: Step;
// Norm, gate and factor that undoes the scale of the loss: see gradient_norm.wgsl.
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<vec4f>;
// 1 where weight decay applies, else 0, for each 64 values.
@group(0) @binding(4) var<storage, read> decay: array<f32>;
@group(0) @binding(5) var<storage, read_write> parameter: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> average: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> half: array<Real4>;

fn gate_is_open() -> bool {
  return norm[1] == 0.0;
}

// min(1, clip_norm / (norm + 1e-6)), or 1 when clip_norm is 0, unscaled.
fn gradient_factor(clip_norm: f32) -> f32 {
  if (clip_norm > 0.0) {
    return norm[2] * min(1.0, clip_norm / (norm[0] + 1e-6));
  }
  return norm[2];
}

fn write_parameter(i: u32, p: vec4f) {
  parameter[i] = p;
  if (AVERAGE) {
    let old = average[i];
    average[i] = old + step.ema_rest * (p - old);
  }
  if (HALF) {
    half[i] = Real4(p);
  }
}
