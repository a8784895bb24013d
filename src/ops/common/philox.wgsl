// Philox4x32 with 10 rounds: four random words as a function of key and
// counter. The same as `philox` in src/random.ts.

// Upper 32 bits of a 32 x 32 bit product; WGSL has no such instruction.
fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let middle = a_high * b_low + ((a_low * b_low) >> 16u);
  let carry = (middle & 0xffffu) + a_low * b_high;
  return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

fn philox(key: vec2u, counter: vec4u) -> vec4u {
  var k = key;
  var c = counter;
  for (var round = 0u; round < 10u; round++) {
    let high0 = multiply_high(0xd2511f53u, c.x);
    let high1 = multiply_high(0xcd9e8d57u, c.z);
    c = vec4u(
      high1 ^ c.y ^ k.x,
      c.z * 0xcd9e8d57u,
      high0 ^ c.w ^ k.y,
      c.x * 0xd2511f53u,
    );
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// In [0, 1), a multiple of 2^-24.
fn uniform01(word: u32) -> f32 {
  return f32(word >> 8u) * (1.0 / 16777216.0);
}
