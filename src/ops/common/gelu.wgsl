// Exact GELU and its derivative.
//
//   gelu(x)  = x cdf(x)                       cdf(x) = (1 + erf(x / sqrt 2)) / 2
//   gelu'(x) = cdf(x) + x exp(-x^2 / 2) / sqrt(2 pi)
//
// WGSL has no erf. For x >= 0, with t = 1 / (1 + 0.28 x),
//
//   1 - cdf(x) = exp(-x^2 / 2) (c1 t + c2 t^2 + ... + c6 t^6)
//
// whose coefficients minimise the greatest error of gelu: 6e-9, less than the
// rounding of f32 (1e-7).

struct Gelu {
  value: vec4f,
  slope: vec4f,
}

fn gelu(x: vec4f) -> Gelu {
  let t = 1.0 / (1.0 + 0.28 * abs(x));
  let bell = exp(-0.5 * x * x);
  let tail = bell * t *
    (0.1169591191 + t * (0.0647673110 + t * (0.2756593082 +
      t * (-0.2452796649 + t * (0.3949264849 + t * -0.1070325762)))));
  let cdf = select(tail, 1.0 - tail, x > vec4f());
  return Gelu(x * cdf, cdf + x * bell * 0.3989422804);
}
