// Copies rows of one matrix to rows of another of the same width.
//
//   output[(output_row + r), c] = input[(input_row + r), c]
//
// Both matrices are bound whole: their rows need not start at a byte that a
// view could be bound at. Element is u32 for all types of four bytes, else f16.

struct Params {
  count: u32,
  input_start: u32,
  output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Element>;
@group(0) @binding(2) var<storage, read_write> output: array<Element>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i < params.count) {
    output[params.output_start + i] = input[params.input_start + i];
  }
}
