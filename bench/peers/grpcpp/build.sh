#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh DIR: compiles server.cc to DIR/server, with Debian's grpc++ (apt install libgrpc++-dev protobuf-compiler-grpc)
# and the ONNX Runtime of Slipway's own build.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) top=$(cd "$(dirname "$0")/../../.." && pwd)
ort=$(cd "${ONNXRUNTIME_ROOT:-$top/build/third_party/onnxruntime}" && pwd)
mkdir -p "$1"
cd "$1"
if [ ! -e grpc_service.o ]; then
  protoc -I "$top/proto" --cpp_out=. --grpc_out=. --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" \
    inference/grpc_service.proto inference/model_config.proto
  for name in grpc_service.grpc model_config grpc_service; do
    g++ -std=c++20 -O2 -I . -c -o "$name.o" "inference/$name.pb.cc"
  done
fi
g++ -std=c++20 -O2 -I . -I "$here" -I "$ort/include" -o server.new "$here/server.cc" ./*.o -L "$ort/lib" \
  "-Wl,-rpath,$ort/lib" -lonnxruntime $(pkg-config --libs grpc++ protobuf)
mv server.new server
