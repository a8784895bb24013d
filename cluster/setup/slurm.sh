# shellcheck shell=sh
# SLURM and an SSH server for the tests of clusters: unpacked into a folder of their
# own, so that this machine does not come to look like a node of a cluster.

SLURM_ROOT=$TOOLS/slurm

has_slurm() {
  [ -x "$SLURM_ROOT/usr/sbin/slurmctld-wlm" ] && [ -x "$SLURM_ROOT/usr/sbin/sshd" ]
}

step_slurm() {
  if has_slurm; then
    found "slurm and sshd" "$SLURM_ROOT"
    return
  fi
  unpack_into "$SLURM_ROOT" slurm-wlm munge openssh-server || true
  if has_slurm; then
    installed "slurm and sshd" "$SLURM_ROOT"
  elif [ "$VERB" = test ]; then
    # The other tests need none of it.
    echo "setup  slurm and sshd missing: tests/slurm will fail" >&2
  else
    missing "SLURM for the tests" \
      "it needs Debian or Ubuntu with their packages slurm-wlm, munge and openssh-server"
  fi
}
