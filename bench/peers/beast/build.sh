#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh DIR: compiles server.cc to DIR/server, with Debian's Boost and simdjson (apt install libboost1.74-dev
# libsimdjson-dev) and the ONNX Runtime of Slipway's own build.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) top=$(cd "$(dirname "$0")/../../.." && pwd)
ort=$(cd "${ONNXRUNTIME_ROOT:-$top/build/third_party/onnxruntime}" && pwd)
mkdir -p "$1"
g++ -std=c++20 -O2 -I "$here/../grpcpp" -I "$ort/include" -o "$1/server.new" "$here/server.cc" -L "$ort/lib" \
  "-Wl,-rpath,$ort/lib" -lonnxruntime -lsimdjson -lpthread
mv "$1/server.new" "$1/server"
