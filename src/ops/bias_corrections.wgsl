// Bias corrections of AdamW where steps are skipped: those do not count.
//
//   t = step.step + 1 - skipped      correction = 1 - beta^t = -expm1(t log(beta))
//
// output is a copy of the step's values (common/step.wgsl); scale as in loss_scale.wgsl,
// before the update of this step.

struct Params {
  log_beta1: f32,
  log_beta2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

// 1 - exp(y) for y < 0, also where exp(y) is almost 1.
fn correction(y: f32) -> f32 {
  if (y < -0.5) {
    return 1.0 - exp(max(y, -80.0));
  }
  var sum = 1.0;
  for (var k = 9.0; k > 1.0; k -= 1.0) {
    sum = 1.0 + sum * y / k;
  }
  return -y * sum;
}

@compute @workgroup_size(1)
fn main() {
  let taken = f32(output[2]) + 1.0 - scale[2];
  output[4] = bitcast<u32>(correction(taken * params.log_beta1));
  output[5] = bitcast<u32>(correction(taken * params.log_beta2));
}
