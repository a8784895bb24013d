// Quads of heads of 16, 32, 64 or 128 elements: all of a head's row is in one row of the
// texture and fills its blocks.

// Elements at .. at + 3 of a head's row that starts at `start`.
fn quad_of(source: RealTexels, start: u32, at: u32) -> vec4f {
  let first = start / 4;
  return textureLoad(source, vec2u(first % TEXTURE_WIDTH + at / 4, first / TEXTURE_WIDTH));
}
