// Exact GELU and its derivative.
//
//   gelu(x)  = x/2 (1 + erf(x / sqrt 2))
//   gelu'(x) = (1 + erf(x / sqrt 2)) / 2 + x exp(-x^2 / 2) / sqrt(2 pi)
//
// WGSL has no erf. erfc(z) = t (a1 + t (a2 + t (a3 + t (a4 + t a5)))) exp(-z^2)
// with t = 1 / (1 + p z), z >= 0 (Abramowitz and Stegun 7.1.26), is within
// 1.5e-7 of the true value.

// exp(-x^2 / 2) and the normal distribution function of x.
struct NormalCurve {
  bell: vec4f,
  distribution: vec4f,
}

fn normal_curve(x: vec4f) -> NormalCurve {
  let t = 1.0 / (1.0 + 0.3275911 * 0.70710678 * abs(x));
  let bell = exp(-0.5 * x * x);
  let tail = 0.5 * bell * t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 +
      t * (-1.453152027 + t * 1.061405429))));
  return NormalCurve(bell, select(tail, 1.0 - tail, x > vec4f()));
}

fn gelu(x: vec4f) -> vec4f {
  return x * normal_curve(x).distribution;
}

fn gelu_derivative(x: vec4f) -> vec4f {
  let curve = normal_curve(x);
  return curve.distribution + x * curve.bell * 0.3989422804;
}
