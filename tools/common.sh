# Sourced by tools/quickstart and tools/check: installs what is missing on a
# Debian 12 machine, and builds. Python packages go to .venv in the checkout.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

debian_packages=(
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools clang-22
  libclang-rt-22-dev lld-22 cmake ninja-build ccache zlib1g-dev
  protobuf-compiler libprotobuf-dev python3-venv)
python_packages=(numpy onnx onnxruntime matplotlib ml_dtypes pytest hatchling)

say() { printf '\n== %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_missing() {
  local missing=()
  for package in "${debian_packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    say "Installing ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    for package in "${missing[@]}"; do
      apt-cache show "$package" >/dev/null 2>&1 ||
        { echo "This machine's package sources have no $package: Debian 12 has it" \
            "with its security updates" >&2; exit 1; }
    done
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
  fi
  if ! .venv/bin/python -c 'import numpy, onnx, onnxruntime, matplotlib, ml_dtypes, pytest, hatchling' 2>/dev/null; then
    say "Installing ${python_packages[*]} into .venv"
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check "${python_packages[@]}"
  fi
  export PATH="$root/.venv/bin:$PATH"
}

# build PRESET: configures and builds everything of a preset.
build() {
  say "Building ($1)"
  cmake --preset "$1" >"/tmp/ssmc-configure-$$.log" 2>&1 ||
    { cat "/tmp/ssmc-configure-$$.log"; exit 1; }
  rm -f "/tmp/ssmc-configure-$$.log"
  cmake --build --preset "$1" -- --quiet
}
