// Exponential moving average of the parameters, four values per invocation.
//
//   average = ema_decay average + (1 - ema_decay) parameter
//
// written as average + (1 - ema_decay) (parameter - average), which keeps an average
// that equals its parameter exactly. Both [length], a multiple of 4. Nothing changes
// when the gate norm[1] is shut (gradient_norm.wgsl).

struct Params {
  quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parameter: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> average: array<vec4f>;
@group(0) @binding(3) var<storage, read> norm: array<f32>;
@group(0) @binding(4) var<uniform> step: Step;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.quads || norm[1] != 0.0) {
    return;
  }
  let old = average[i];
  average[i] = old + (1.0 - step.ema_decay) * (parameter[i] - old);
}
