// Global gradient norm from partial sums of squares.
//
//   output = [sqrt(sum_i partial[i]), 0, 1, 1], or [0, BAD, 1, 1] if a gradient was not
//   finite (a partial sum of -1, see reduce_rows.wgsl) or the sum overflows.
//
// output[1] is the gate of the update: 0 open, 1 shut for this step, 2 shut for good.
//
// partial [count]; output [4].

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

override BAD: f32 = 1.0;

const EXPONENT: u32 = 0x7f800000u;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(@builtin(local_invocation_index) local: u32) {
  let lane = lane_of(local);
  var total = 0.0;
  var bad = 0.0;
  for (var i = lane; i < params.count; i += ROW_LANES) {
    let value = partial[i];
    total += value;
    if (value < 0.0) {
      bad = 1.0;
    }
  }
  total = row_sum(lane, total);
  bad = row_max(lane, bad);
  if (row_of(0u, local) == 0u && lane == 0u) {
    let finite = bad == 0.0 && (bitcast<u32>(total) & EXPONENT) != EXPONENT;
    output[0] = select(0.0, sqrt(max(total, 0.0)), finite);
    output[1] = select(select(BAD, 0.0, finite), 2.0, output[1] == 2.0);
    output[2] = 1.0;
    output[3] = 1.0;
  }
}
