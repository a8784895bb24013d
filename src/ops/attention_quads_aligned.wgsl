// Quads of heads whose dimension is a multiple of 4.

// Elements at .. at + 3 of a head's row that starts at `start`; 0 past its end.
fn quad_of(source: RealTexels, start: u32, at: u32) -> vec4f {
  return select(vec4f(), texel(source, (start + at) / 4), at < params.head_dim);
}
