// What the relational kernels read, as textures, which CPU adapters read several
// times faster; relational_arrays.wgsl has the same names.

@group(0) @binding(1) var features: FloatTexels;
@group(0) @binding(1) var pairs: FloatTexels;
@group(0) @binding(2) var weights: FloatTexels;

// Rows of features are whole texels.
override ALIGNED: bool = false;

fn texel(source: FloatTexels, i: u32) -> vec4f {
  return textureLoad(source, texel_place(i));
}

fn feature_quad(row: u32, q: u32, dim: u32) -> vec4f {
  if (ALIGNED) {
    return texel(features, row * (dim / 4u) + q);
  }
  let columns = vec4u(4u * q, 4u * q + 1u, 4u * q + 2u, 4u * q + 3u);
  let i = row * dim + 4u * q;
  let quad = joined(texel(features, i / 4u), texel(features, i / 4u + 1u), i % 4u);
  return select(vec4f(), quad, columns < vec4u(dim));
}

fn pair_at(i: u32) -> vec4f {
  return texel(pairs, i);
}

fn weight_quad(i: u32) -> vec4f {
  return texel(weights, i);
}
