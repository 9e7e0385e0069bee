#!/bin/bash
# Builds the peers of the CPU benchmarks into the folder given (default:
# build/peers): ggml, as the PyPI source package llama-cpp-python carries it,
# with the flags its own CMake chooses for this machine (release, native).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:-$here/../../build/peers}" && cd "${1:-$here/../../build/peers}" && pwd)
version=0.3.36
cd "$out"
if [ ! -d "llama_cpp_python-$version" ]; then
  python3 -m venv venv
  venv/bin/pip -q install scikit-build-core
  venv/bin/pip -q download --no-deps --no-binary :all: --no-build-isolation \
    "llama-cpp-python==$version"
  tar xf "llama_cpp_python-$version.tar.gz"
fi
cmake -S "$here" -B ggml -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DGGML_SOURCE="$out/llama_cpp_python-$version/vendor/llama.cpp/ggml" >configure.log
cmake --build ggml -j "${JOBS:-1}" >build.log
echo "$out/ggml/libggml_mixers.so"
