# shellcheck shell=sh disable=SC2034
# Everything that set-up fetches, pinned. Debian packages are pinned by the
# release of the machine and verified by apt's own signatures.

DENO_VERSION=2.9.6
# The npm packages that hold the binary: npm:@deno/linux-<arch>-glibc.
DENO_SHA256_x64=a6596af07f3570b4f1ffa6783bfee9942aac14a719a601baa6bf5b71bf0105e2
DENO_SHA256_arm64=8e32a9c72c84c14f91fde26efbef0b5f347286f3c68b4b7d4b8040ae9e6f42ec

# Oldest nats-server that the tests have run against.
NATS_MINIMUM=2.9.0

# The files of Debian's package dataset-fashion-mnist.
FASHION_MNIST_SHA256='b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7  train-images-idx3-ubyte.gz
0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056  train-labels-idx1-ubyte.gz
cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa  t10k-images-idx3-ubyte.gz
8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05  t10k-labels-idx1-ubyte.gz'
