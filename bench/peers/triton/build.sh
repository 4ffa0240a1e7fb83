#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up a yardstick: the real Triton Inference Server (from the PyPI wheel nvidia-pytriton) with an ONNX
# Runtime backend on CPU, in the folder given.
#   build.sh DIR [BACKEND.so]
# Needs python3 + pip, g++, apt (Debian); asks PyPI and Debian only. With a second argument, that backend is
# installed instead of the small one in this folder (ort_mini_backend.cc).
# Afterwards: DIR/start.sh REPOSITORY [tritonserver options]
set -euo pipefail
DIR=$(mkdir -p "$1" && cd "$1" && pwd); HERE=$(cd "$(dirname "$0")" && pwd); SO=${2:-}
PYTRITON=${PYTRITON:-0.7.0}; ORT=${ORT:-1.31.1}; PY=${PY:-python3}
cd "$DIR"; mkdir -p dl
ls dl/nvidia_pytriton-"$PYTRITON"*.whl >/dev/null 2>&1 || $PY -m pip download -q --no-deps -d dl nvidia-pytriton=="$PYTRITON"
ls dl/onnxruntime-"$ORT"*.whl >/dev/null 2>&1 || $PY -m pip download -q --no-deps -d dl onnxruntime=="$ORT"
[ -d pt ] || { $PY -m zipfile -e dl/nvidia_pytriton-*.whl pt; chmod +x pt/pytriton/tritonserver/bin/tritonserver pt/pytriton/tritonserver/python_backend_stubs/*/*; }
[ -d ort ] || $PY -m zipfile -e dl/onnxruntime-*.whl ort
# ONNX Runtime's C headers: Debian trixie's libonnxruntime-dev, unpacked here, through an apt of its own
if [ ! -d hdr ]; then
  mkdir -p apt/lists/partial apt/cache/archives/partial
  M=$(grep -rhoE '(https?|mirror)[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1 || true)  # this machine's own mirror
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $M trixie main" > apt/src.list
  A="-o Dir::Etc::SourceList=$DIR/apt/src.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$DIR/apt/lists -o Dir::Cache=$DIR/apt/cache -o APT::Sandbox::User=root"
  apt-get $A update -qq
  (cd dl && apt-get $A download -qq libonnxruntime-dev)
  mkdir hdr && dpkg-deb -x dl/libonnxruntime-dev_*.deb hdr
fi
B=pt/pytriton/tritonserver/backends/onnxruntime; mkdir -p $B
cp -u ort/onnxruntime/capi/libonnxruntime.so."$ORT" $B/
ln -sf libonnxruntime.so."$ORT" $B/libonnxruntime.so.1
if [ -n "$SO" ]; then cp "$SO" $B/libtriton_onnxruntime.so
else
  nice g++ -std=c++17 -O2 -fPIC -shared -fvisibility=hidden -Wall -I hdr/usr/include/onnxruntime -o $B/libtriton_onnxruntime.so "$HERE/ort_mini_backend.cc" \
    pt/nvidia_pytriton.libs/libtritonserver-*.so $B/libonnxruntime.so.1 -Wl,--unresolved-symbols=ignore-in-shared-libs -Wl,-rpath,'$ORIGIN'
fi
cat > start.sh <<'E'
#!/bin/bash
# start.sh REPOSITORY [options]   ports: HP GP MP (18000 18001 18002); PIN="taskset -c 0" to pin
D=$(cd "$(dirname "$0")" && pwd); R=$1; shift
export CUDA_VISIBLE_DEVICES=
exec ${PIN:-} "$D/pt/pytriton/tritonserver/bin/tritonserver" --model-repository="$R" --backend-directory="$D/pt/pytriton/tritonserver/backends" \
  --http-address 127.0.0.1 --grpc-address 127.0.0.1 --metrics-address 127.0.0.1 --http-port ${HP:-18000} --grpc-port ${GP:-18001} --metrics-port ${MP:-18002} "$@"
E
chmod +x start.sh
echo "ready: $DIR/start.sh REPOSITORY [options]"
