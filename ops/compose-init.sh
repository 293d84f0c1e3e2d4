#!/bin/sh
# Makes the keys and configurations of the trial network of compose.yaml, once. Argument: the folder that holds node1 … node4.
# STELE: the command to run, `stele` unless told. Does nothing when the network exists already.
set -eu
umask 077
stele="${STELE:-stele}"
cd "$1"
[ -e node1/genesis.json ] && exit 0
for n in 1 2 3 4; do
  mkdir -p "node$n"
  [ -e "node$n/member.json" ] && continue
  head -c 24 /dev/urandom | base64 > "node$n/passphrase"
  "$stele" keygen --member "node$n" --number "$n" --address "/dns4/node$n/tcp/9000" --out "node$n" --passphrase-file "node$n/passphrase"
  # Inside the network of the containers RPC and health answer beyond loopback; compose publishes them on the host's loopback only.
  sed -i -e 's/host: 127\.0\.0\.1/host: 0.0.0.0/' -e 's/^rpc:$/rpc:\n  allowInsecure: true/' "node$n/config.yaml"
done
"$stele" init --network trial --member node1/member.json node2/member.json node3/member.json node4/member.json --out genesis.json
chmod 644 genesis.json
for n in 4 3 2 1; do cp genesis.json "node$n/genesis.json"; done
if [ "$(id -u)" = 0 ] && id node > /dev/null 2>&1; then chown -R node:node node1 node2 node3 node4; fi
