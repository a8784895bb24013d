// What the relational kernels read, as arrays; relational_texels.wgsl has the same
// names. A kernel binds those that it reads.

// [rows, dim]
@group(0) @binding(1) var<storage, read> features: array<f32>;
// [rows, rows]: student's S and r, teacher's S and r, see relational_pairs.wgsl.
@group(0) @binding(1) var<storage, read> pairs: array<vec4f>;
// [rows, 4 quads]: a row is padded to whole quads.
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;

// Elements 4 q .. 4 q + 3 of a row; 0 past its end.
fn feature_quad(row: u32, q: u32, dim: u32) -> vec4f {
  let columns = vec4u(4u * q, 4u * q + 1u, 4u * q + 2u, 4u * q + 3u);
  let at = vec4u(row * dim) + min(columns, vec4u(dim - 1u));
  let quad = vec4f(features[at.x], features[at.y], features[at.z], features[at.w]);
  return select(vec4f(), quad, columns < vec4u(dim));
}

fn pair_at(i: u32) -> vec4f {
  return pairs[i];
}

fn weight_quad(i: u32) -> vec4f {
  return weights[i];
}
