// Sums of consecutive chunks of a flat array.
//
//   output[slot + r] = scale sum of f(input[i]), i in r cols .. min((r + 1) cols, length)
//
// f is the identity, or the square with SQUARE. A chunk of squares that holds an
// infinity or a NaN gives -1, which no sum of squares is: such a value is found by its
// bits, since WGSL lets an implementation assume that neither occurs. With input from
// such a pass, `gradient_norm` passes the -1 on.

struct Params {
  rows: u32,
  cols: u32,
  length: u32,
  slot: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

override SQUARE: bool = false;

const EXPONENT: u32 = 0x7f800000u;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let end = min((row + 1u) * params.cols, params.length);
  var total = 0.0;
  var bad = 0.0;
  for (var i = row * params.cols + lane; i < end; i += ROW_LANES) {
    let x = input[i];
    if (SQUARE) {
      total += x * x;
      if ((bitcast<u32>(x) & EXPONENT) == EXPONENT) {
        bad = 1.0;
      }
    } else {
      total += x;
    }
  }
  total = row_sum(lane, total);
  if (SQUARE) {
    bad = row_max(lane, bad);
    if (bad > 0.0 || (bitcast<u32>(total) & EXPONENT) == EXPONENT) {
      total = -1.0;
    }
  }
  if (asked < params.rows && lane == 0u) {
    output[params.slot + row] = params.scale * total;
  }
}
