// What happens to the image of each row of a batch: records of u32 words that the host
// draws, `plan_stride` words a row; layout in src/ops/view_plan.ts. The kernel declares
// `plan: array<u32>`. First the placement and what is laid over the image:

struct Cover {
  // left, top, right, bottom; the last two are outside.
  box: vec4i,
  // 0..1, or one of the codes below.
  fill: f32,
}

const FILL_NOISE: f32 = -1.0;
const FILL_MEAN: f32 = -2.0;

fn plan_f32(at: u32) -> f32 {
  return bitcast<f32>(plan[at]);
}

fn plan_vec2i(at: u32) -> vec2i {
  return vec2i(bitcast<i32>(plan[at]), bitcast<i32>(plan[at + 1u]));
}

fn plan_cover(base: u32, number: u32) -> Cover {
  let at = base + 8u + 5u * number;
  return Cover(vec4i(plan_vec2i(at), plan_vec2i(at + 2u)), plan_f32(at + 4u));
}

// Three uniform values of a pixel: pcg3d of Jarzynski and Olano, 2020.
fn noise(key: u32, x: i32, y: i32) -> vec3f {
  var v = vec3u(u32(x), u32(y), key) * 1664525u + 1013904223u;
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v ^= v >> vec3u(16u);
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  return vec3f(v >> vec3u(8u)) / 16777216.0;
}

fn covered(cover: Cover, x: i32, y: i32, inner: CoverInner, value: vec3f) -> vec3f {
  let place = vec2i(x, y);
  let inside = all(place >= cover.box.xy) && all(place < cover.box.zw);
  var fill = vec3f(cover.fill);
  if (NOISE) {
    fill = select(fill, inner.noise, cover.fill == FILL_NOISE);
  }
  fill = select(fill, inner.mean, cover.fill == FILL_MEAN);
  return select(value, fill, inside);
}

struct CoverInner {
  noise: vec3f,
  mean: vec3f,
}
