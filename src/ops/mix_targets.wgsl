// Class probabilities of images that were mixed in pairs.
//
//   t[b] = share weight[b] smooth(label[b]) + (1 - share) weight[partner] smooth(label[partner])
//   smooth(l) = (1 - smoothing) onehot(l) + smoothing / classes
//
// labels, weights [all]; mixing [rows, 8] as in mix_images; output [rows, classes]. A
// label that is no class counts as weight 0. Grid: linear over rows * classes.

struct Params {
  rows: u32,
  classes: u32,
  smoothing: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> mixing: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

fn target_of(row: u32, c: u32) -> f32 {
  let label = labels[row];
  let smoothed = params.smoothing / f32(params.classes)
    + select(0.0, 1.0 - params.smoothing, label == c);
  return select(0.0, weights[row] * smoothed, label < params.classes);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.rows * params.classes) {
    return;
  }
  let row = i / params.classes;
  let c = i % params.classes;
  let share = bitcast<f32>(mixing[row * 8u + 2u]);
  let partner = mixing[row * 8u];
  output[i] = share * target_of(row, c) + (1.0 - share) * target_of(partner, c);
}
