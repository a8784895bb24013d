#!/bin/sh
# bundle.sh OUT LEVEL DENO NATS PACKAGE...: everything that a node without network
# needs, as an archive OUT that unpacks to signet/. Called by the verb `bundle`.
set -eu
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
out=$1 level=$2 deno=$3 nats=$4
shift 4

work=$(mktemp -d)
trap 'rm -rf "$work" "$out.part"' EXIT
trap 'exit 130' INT TERM
top=$work/signet
tools=$top/.tools
libraries=root/usr/lib/$(uname -m)-linux-gnu
mkdir -p "$tools/deno" "$tools/root/usr/sbin" "$tools/$libraries" \
  "$top/node_modules/.deno"

# Where run.sh looks for them.
cp -L "$deno" "$tools/deno/deno"
cp -L "$nats" "$tools/root/usr/sbin/nats-server"
loader=$({ ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } |
  sed -n 's/.*libvulkan\.so\.1 .*=> //p' | head -n 1)
[ -n "$loader" ] || loader=$(find "$ROOT/.tools/root" -name libvulkan.so.1 | head -n 1)
[ -n "$loader" ] || {
  echo "libvulkan.so.1 is not on this machine" >&2
  exit 3
}
cp -L "$loader" "$tools/$libraries/libvulkan.so.1"
# Tells equal GPUs apart where the node's own does not.
if [ -f "$ROOT/.tools/loader/libvulkan.so.1" ]; then
  mkdir -p "$tools/loader"
  cp -L "$ROOT/.tools/loader/libvulkan.so.1" "$tools/loader/"
fi
# Behind the system's own libraries, which drivers have been made for.
echo "export LD_LIBRARY_PATH=\"\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}\$TOOLS/$libraries\"" \
  >"$tools/env"

cd "$ROOT"
for part in cluster src bench configs mod.ts deno.json deno.lock \
  README.md CHANGELOG.md LICENSE; do
  cp -R "$part" "$top/"
done
for package in "$@"; do
  cp -RP "node_modules/.deno/$package" "$top/node_modules/.deno/"
done
for link in node_modules/* node_modules/@*/* node_modules/.deno/node_modules/* \
  node_modules/.deno/node_modules/@*/*; do
  [ -L "$link" ] || continue
  mkdir -p "$top/$(dirname "$link")"
  cp -P "$link" "$top/$link"
  # Packages that only tests need are left out, and the links to them.
  [ -e "$top/$link" ] || rm "$top/$link"
done
cksum <deno.lock >"$tools/packages.sum"

# Unlike a pipe, it fails when either program does.
tar -C "$work" --owner=0 --group=0 -I "xz -T0 -$level" -cf "$out.part" signet
mv "$out.part" "$out"
