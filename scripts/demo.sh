#!/usr/bin/env bash
# From a fresh clone to generated text: installs what is missing, builds the CPU backend into build/cpu, and runs the
# model that lies in models/tiny-v32. Arguments go to `tamis run` in place of the demo's own.
set -euo pipefail
cd "$(dirname "$0")/.."

started=$SECONDS
step() {  # step TITLE COMMAND…: prints the command, runs it, prints its seconds
  local title=$1 from=$SECONDS
  shift
  echo
  echo "== $title: $*"
  "$@" || { echo "demo.sh: failed: $title" >&2; exit 1; }
  echo "   $((SECONDS - from)) s"
}

configure=(cmake --preset cpu)
# A first build has no tests, so that it needs fewer packages; a tree that has tests keeps them.
[[ -f build/cpu/CMakeCache.txt ]] || configure+=(-DTAMIS_TESTS=OFF)
run=(run -p "What is the capital of France?")
[[ $# -eq 0 ]] || run=(run "$@")

step "packages" scripts/deps.sh
step "configure" "${configure[@]}"
step "build" cmake --build --preset cpu ${TAMIS_JOBS:+-j "$TAMIS_JOBS"} --target tamis_cli
step "run" build/cpu/bin/tamis "${run[@]}"

cat << END

$((SECONDS - started)) s in all. Next:
  build/cpu/bin/tamis inspect models/tiny-v32     what this model is: layers, experts, indexer, memory, cache
  build/cpu/bin/tamis run -p "Once upon a time"   another prompt; \`tamis run --help\` lists what can be set
  scripts/test.sh --quick                         build and run the tests
END
