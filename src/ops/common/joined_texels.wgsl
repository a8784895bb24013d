// Elements of a tensor in a texture, see src/gpu/texture_pool.ts.

const TEXTURE_WIDTH: u32 = 1024;

// Four elements from element `start` of two neighbouring texels.
fn joined(a: vec4f, b: vec4f, start: u32) -> vec4f {
  switch (start) {
    case 0: { return a; }
    case 1: { return vec4f(a.yzw, b.x); }
    case 2: { return vec4f(a.zw, b.xy); }
    default: { return vec4f(a.w, b.xyz); }
  }
}
