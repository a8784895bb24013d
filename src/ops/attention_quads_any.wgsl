// Quads of heads of any dimension.

// Elements at .. at + 3 of a head's row that starts at `start`; 0 past its end.
fn quad_of(source: RealTexels, start: u32, at: u32) -> vec4f {
  let i = start + at;
  let quad = joined(texel(source, i / 4), texel(source, i / 4 + 1), i % 4);
  let inside = vec4u(at, at + 1, at + 2, at + 3) < vec4u(params.head_dim);
  return select(vec4f(), quad, inside);
}
