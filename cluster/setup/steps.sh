# shellcheck shell=sh
# One function a piece; each prints one line: found, installed or missing.

found() { echo "setup  $1 found: ${2#"$ROOT/"}" >&2; }
installed() { echo "setup  $1 installed: ${2#"$ROOT/"}" >&2; }

# missing PIECE FIX...: nothing more can be done here.
missing() {
  echo "error: $1 is missing and cannot be installed here" >&2
  shift
  for line in "$@"; do echo "hint: $line" >&2; done
  [ ! -s "$LOG" ] || echo "hint: the commands' own output is in ${LOG#"$ROOT/"}" >&2
  exit 3
}

# The line that installs Debian packages by hand, whoever reads it.
apt_line() {
  if [ "$(id -u)" = 0 ]; then
    echo "apt-get update && apt-get install $*"
  else
    echo "sudo apt-get update && sudo apt-get install $*"
  fi
}

is_deno() {
  [ "$("$1" --version 2>/dev/null | sed -n '1s/^deno \([0-9.]*\).*/\1/p')" = "$DENO_VERSION" ]
}

step_deno() {
  for DENO in "$(command -v deno)" "$TOOLS/deno/deno" "$TOOLS/deno/bin/deno" \
    "$TOOLS/node_modules/deno/deno"; do
    if [ -x "$DENO" ] && is_deno "$DENO"; then
      found "deno $DENO_VERSION" "$DENO"
      return
    fi
  done
  case $(uname -s)-$(uname -m) in
  Linux-x86_64) arch=x64 sha256=$DENO_SHA256_x64 ;;
  Linux-aarch64) arch=arm64 sha256=$DENO_SHA256_arm64 ;;
  *) missing "deno for $(uname -s) $(uname -m)" "Signet is tested on Linux x86_64 only" ;;
  esac
  if ! command -v npm >/dev/null && may_install; then apt_install npm ca-certificates; fi
  ! command -v npm >/dev/null || deno_from_npm "$arch" "$sha256"
  DENO=$TOOLS/deno/deno
  [ -x "$DENO" ] && is_deno "$DENO" || missing "deno $DENO_VERSION" \
    "npm install --prefix .tools deno@$DENO_VERSION" \
    "or: curl -fsSL https://deno.land/install.sh | DENO_INSTALL=\"\$PWD/.tools/deno\" sh -s v$DENO_VERSION" \
    "Deno needs glibc 2.27 or newer; on an older system run in a container"
  installed "deno $DENO_VERSION" "$DENO"
}

# The binary comes from the package that npm:deno itself depends on; taken
# directly, its hash is ours to check and no install script runs.
deno_from_npm() {
  work=$TOOLS/deno-download
  rm -rf "$work" && mkdir -p "$work" "$TOOLS/deno"
  (
    cd "$work" &&
      npm_config_cache="$work/npm" npm pack --silent "@deno/linux-$1-glibc@$DENO_VERSION" &&
      echo "$2  $(echo ./*.tgz)" | sha256sum -c - &&
      tar -xzf ./*.tgz && mv package/deno "$TOOLS/deno/deno"
  ) >>"$LOG" 2>&1
  rm -rf "$work"
}

step_nats() {
  if find_nats; then
    found "nats-server $version" "$NATS"
    return
  fi
  install nats-server || true
  find_nats || missing "nats-server" "$(apt_line nats-server)" \
    "or put a release binary of nats-server $NATS_MINIMUM or newer at .tools/root/usr/sbin/nats-server"
  installed "nats-server $version" "$NATS"
}

find_nats() {
  # Folders that the PATH of who is not root may lack.
  for NATS in "$(command -v nats-server)" /usr/local/sbin/nats-server \
    /usr/sbin/nats-server "$TOOLS/root/usr/sbin/nats-server"; do
    [ -x "$NATS" ] || continue
    version=$("$NATS" --version 2>/dev/null | sed -n 's/^nats-server: v*\([0-9.]*\).*/\1/p')
    oldest=$(printf '%s\n%s\n' "${version:-0}" "$NATS_MINIMUM" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)
    [ "$oldest" != "$NATS_MINIMUM" ] || return 0
  done
  return 1
}

# Plain files in the checkout, so that compute nodes need no network.
step_npm() {
  if [ -d "$ROOT/node_modules/.deno" ] &&
    [ "$(cat "$TOOLS/packages.sum" 2>/dev/null)" = "$(lock_sum)" ]; then
    found "npm packages" "node_modules"
    return
  fi
  # Networks that inspect TLS have a certificate of their own in the system store.
  (
    cd "$ROOT" &&
      DENO_TLS_CA_STORE="${DENO_TLS_CA_STORE:-mozilla,system}" "$DENO" ci
  ) >>"$LOG" 2>&1 </dev/null || missing "npm packages of deno.lock" \
    "deno ci    (on a machine with network, then copy node_modules here)"
  lock_sum >"$TOOLS/packages.sum"
  installed "npm packages" "node_modules"
}

lock_sum() { cksum <"$ROOT/deno.lock"; }

step_fashion_mnist() {
  data=$ROOT/data/fashion-mnist
  if has_fashion_mnist; then
    found "fashion-mnist" "data/fashion-mnist"
    return
  fi
  mkdir -p "$data"
  if [ -d /usr/share/datasets/fashion-mnist ]; then
    cp /usr/share/datasets/fashion-mnist/*-ubyte.gz "$data/"
  elif command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    work=$TOOLS/data-download
    rm -rf "$work" && mkdir -p "$work"
    if private_lists && download dataset-fashion-mnist; then
      dpkg-deb -x "$TOOLS"/apt/debs/dataset-fashion-mnist_*.deb "$work" &&
        (cd "$work/usr/share/datasets/fashion-mnist" &&
          echo "$FASHION_MNIST_SHA256" | sha256sum -c - >>"$LOG" 2>&1 &&
          mv ./*-ubyte.gz "$data/")
    fi
    rm -rf "$work" "$TOOLS"/apt/debs/dataset-fashion-mnist_*.deb
  fi
  has_fashion_mnist || missing "the data set fashion-mnist" \
    "put its four *-ubyte.gz files into data/fashion-mnist/ (Debian's package dataset-fashion-mnist, or the published files)" \
    "or train on other images: data.kind=folder data.path=DIR"
  installed "fashion-mnist" "data/fashion-mnist"
}

has_fashion_mnist() {
  for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    [ -s "$ROOT/data/fashion-mnist/$name-ubyte.gz" ] ||
      [ -s "$ROOT/data/fashion-mnist/$name-ubyte" ] || return 1
  done
}

# A browser that opens the report in the tests.
step_chromium() {
  if find_chromium; then
    found "chromium" "$CHROMIUM"
    return
  fi
  install chromium || true
  find_chromium || missing "chromium" "$(apt_line chromium)"
  installed "chromium" "$CHROMIUM"
}

find_chromium() {
  for CHROMIUM in "$(command -v chromium)" "$(command -v chromium-browser)" \
    "$(command -v google-chrome)" "$TOOLS/bin/chromium"; do
    [ ! -x "$CHROMIUM" ] || ! "$CHROMIUM" --version >/dev/null 2>&1 || return 0
  done
  program=$TOOLS/root/usr/lib/chromium/chromium
  [ -x "$program" ] && "$program" --version >/dev/null 2>&1 || return 1
  # The unpacked browser looks for fonts in the system's folders alone.
  cat >"$TOOLS/fonts.conf" <<END
<?xml version="1.0"?>
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>$TOOLS/root/usr/share/fonts</dir>
  <cachedir>$TOOLS/cache/fonts</cachedir>
</fontconfig>
END
  remember FONTCONFIG_FILE "$TOOLS/fonts.conf"
  mkdir -p "$TOOLS/bin"
  ln -sf "$program" "$TOOLS/bin/chromium"
  CHROMIUM=$TOOLS/bin/chromium
}
