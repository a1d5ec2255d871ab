#!/bin/bash
# Build the Collector of builder.yaml: otelcol-peers, in the folder of this script (prepare runs a copy of it).
# The modules are the pinned ones of go.mod and go.sum. The builder would run `go mod tidy` by itself, which also wants
# the tests of all modules; so it only writes the sources here, and `go build` takes what they import.
set -euo pipefail
cd "$(dirname "$0")"
build=$PWD/build
mkdir -p "$build"
GOBIN=$build go install go.opentelemetry.io/collector/cmd/builder@v0.145.0
sed "s#\${OTELCOL_OUT}#$build/src#" builder.yaml > "$build/builder.yaml"
"$build/builder" --config "$build/builder.yaml" --skip-compilation --skip-get-modules
cp go.mod go.sum "$build/src/"
cd "$build/src"
go build -mod=readonly -trimpath -buildvcs=false -ldflags="-s -w" -o ../../otelcol-peers .
cd ../..
rm -rf "$build"
