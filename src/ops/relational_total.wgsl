// Column sums of pairs of values, in a fixed order.
//
//   output[0], output[1] = scale sum_i sums[i]
//
// sums vec2 [rows].

struct Params {
  rows: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(@builtin(local_invocation_index) local: u32) {
  let lane = lane_of(local);
  var total = vec2f();
  for (var i = lane; i < params.rows; i += ROW_LANES) {
    total += sums[i];
  }
  let first = row_sum(lane, total.x);
  let second = row_sum(lane, total.y);
  if (row_of(0u, local) == 0u && lane == 0u) {
    output[0] = params.scale * first;
    output[1] = params.scale * second;
  }
}
