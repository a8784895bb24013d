// Rows of a matrix, each to its own texels. One workgroup per row.
//
//   to(row, q) = elements 4 q .. 4 q + 3 of the row, zeros past its end

struct Params {
  rows: u32,
  cols: u32,
  // See MatrixLayout.
  quads: u32,
  shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// 1024 texels a row.
@group(0) @binding(1) var flat: Flat;
@group(0) @binding(2) var padded: Padded;

fn flat_texel(i: u32) -> vec4f {
  return textureLoad(flat, vec2u(i % 1024, i / 1024));
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return;
  }
  let left = row % (1u << params.shift) * params.quads;
  let phase = row * params.cols % 4;
  for (var q = lane; q < params.quads; q += 8) {
    let i = row * params.cols / 4 + q;
    let a = flat_texel(i);
    let b = flat_texel(i + 1);
    var value = a;
    switch (phase) {
      case 1: { value = vec4f(a.yzw, b.x); }
      case 2: { value = vec4f(a.zw, b.xy); }
      case 3: { value = vec4f(a.w, b.xyz); }
      default: {}
    }
    let at = vec4u(0, 1, 2, 3) + 4 * q;
    value = select(vec4f(), value, at < vec4u(params.cols));
    textureStore(padded, vec2u(left + q, row >> params.shift), value);
  }
}
