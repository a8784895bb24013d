// Elements of a tensor in a texture, see src/gpu/texture_pool.ts.

const TEXTURE_WIDTH: u32 = 1024;

// Elements 4 i .. 4 i + 3.
fn texel(source: texture_2d<f32>, i: u32) -> vec4f {
  return textureLoad(
    source,
    vec2u(i % TEXTURE_WIDTH, i / TEXTURE_WIDTH),
    0,
  );
}

// Elements i .. i + 3.
fn texels(source: texture_2d<f32>, i: u32) -> vec4f {
  let a = texel(source, i / 4);
  let b = texel(source, i / 4 + 1);
  switch (i % 4) {
    case 0: { return a; }
    case 1: { return vec4f(a.yzw, b.x); }
    case 2: { return vec4f(a.zw, b.xy); }
    default: { return vec4f(a.w, b.xyz); }
  }
}
