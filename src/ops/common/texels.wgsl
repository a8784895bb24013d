// Elements of a tensor in a storage texture, see src/gpu/texture_layout.ts.

const TEXTURE_WIDTH: u32 = 1024;

// Of tensors that are f32 whatever the activations are.
alias FloatTexels = texture_storage_2d<rgba32float, read>;

// Where elements 4 i .. 4 i + 3 are.
fn texel_place(i: u32) -> vec2u {
  return vec2u(i % TEXTURE_WIDTH, i / TEXTURE_WIDTH);
}

// Four elements from element `start` of two neighbouring texels.
fn joined(a: vec4f, b: vec4f, start: u32) -> vec4f {
  switch (start) {
    case 0: { return a; }
    case 1: { return vec4f(a.yzw, b.x); }
    case 2: { return vec4f(a.zw, b.xy); }
    default: { return vec4f(a.w, b.xyz); }
  }
}
