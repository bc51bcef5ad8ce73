#!/usr/bin/env python3
"""Plants violations of each rule of scripts/lint_checks.py and sees them caught, and its near misses let through."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import lint_checks as lint  # noqa: E402

# rule: (path, text) pairs that it must report, on the line that holds "BAD" or else on the first.
CAUGHT = {
    "include_directions": [
        ("core/a.cpp", '#include "core/a.h"\n#include "backends/cpu/isa.h"  // BAD\n'),
        ("core/a.cpp", '#include <cuda_runtime.h>\n'),
        ("core/a.cpp", '  #  include <pcre2.h>\n'),
        ("core/a.cpp", '#include "apps/commands.h"\n'),
        ("core/a.cpp", '#include "tests/cases/case.h"\n'),
        ("core/text/tokenizer.cpp", '#include <pcre2.h>\n'),
        ("core/numeric/fp8.h", '#include <vector>\n'),
        ("core/numeric/fp8.h", '#include "core/base/dtype.h"\n'),
        ("core/numeric/fp8.h", '#include <unistd.h>\n'),
        ("backends/cpu/threads.cpp", '#include <cblas.h>\n'),
        ("backends/cuda/ops/linear.cpp", '#include "backends/cpu/isa.h"\n'),
        ("backends/cuda/ops/linear.cpp", '#include "kernels_cuda/linear/tile.h"\n'),
        ("backends/cuda/ops/linear.cpp", '#include "kernels_hip/linear/launch.h"\n'),
        ("backends/cuda/device.cpp", '#include <hip/hip_runtime.h>\n'),
        ("backends/cuda/device.cpp", '#include "kernels_cuda/common/reduce.cuh"\n'),
        ("backends/cuda/device.cpp", '#include "kernels_hip/common/launch.h"\n'),
        ("backends/cuda/device.cpp", '#include "hip_row_table.inc"\n'),
        ("backends/hip/queue.cpp", '#include "kernels_gpu/common/wave.h"\n'),
        ("backends/gpu/ops/rms_norm.cpp", '#include "backends/cuda/queue.h"\n'),
        ("kernels_gpu/linear/tiled.cu", '#include <cuda_runtime.h>\n'),
        ("kernels_gpu/linear/tiled.cu", '#include "kernels_cuda/common/reduce.cuh"\n'),
        ("core/policy/other.cpp", '#include "capabilities.inc"\n'),
        ("tests/plugins/a.cpp", '#include "backends/cuda/queue.h"\n'),
        ("tests/plugins/a.cpp", '#include "tests/harness/parity.h"\n'),
        ("backends/null/backend.cpp", '#include <cuda.h>\n'),
        ("kernels_cuda/linear/tile.cu", '#include "core/graph/graph.h"\n'),
        ("kernels_cuda/linear/tile.cu", '#include "kernels_cuda/sparse_mla/tile.h"\n'),
        ("kernels_hip/linear/tile.hip", '#include "kernels_cuda/linear/tile.h"\n'),
        ("tests/core/a_test.cpp", '#include "backends/cpu/isa.h"\n'),
        ("bench/measure.cpp", '#include "backends/cuda/device.h"\n'),
        ("apps/run.cpp", '#include "backends/cpu/isa.h"\n'),
        ("elsewhere/a.cpp", '#include <vector>\n'),
    ],
    "include_form": [("core/a/a.cpp", '#include "../b/b.h"\n')],
    "header_guards": [("core/a.h", "struct A {};\n")],
    "file_size": [("core/a.cpp", "\n" * 501), ("scripts/a.py", "\n" * 501)],
    "function_size": [
        ("core/a.cpp", "int x;\nvoid BAD() {\n" + "  x();\n" * 99 + "}\n"),
        ("core/a.cpp", "namespace a {\nstruct B : C {\n  B() : d_{1}, e_(2) { // BAD\n" + "\n" * 99 + "  }\n};\n}\n"),
        ("core/a.cpp", "template <class T, int n = 3>\nauto f(T t)\n    -> decltype(t) {\n" + "\n" * 98 + "}\n"),
        ("core/a.cpp", 'extern "C" int f() {\n  g("{", \'{\', R"(}})");  // }\n' + "\n" * 98 + "}\n"),
        ("core/a.cpp", "const auto f = [](int i) {\n" + "\n" * 99 + "};\n"),
        ("core/a.cpp", "bool operator==(const A& a, const B& b) {\n" + "\n" * 99 + "}\n"),
        ("core/a.cpp", "int table[] = {1, 2};\nstd::vector<int> f(int i = 3) { // BAD\n" + "\n" * 99 + "}\n"),
        ("core/a.cpp", "TEST(Suite, Name) {\n" + "\n" * 99 + "}\n"),
        ("kernels_cuda/a/b.cu", "__global__ void __launch_bounds__(128) f(int i) {\n" + "\n" * 149 + "}\n"),
        ("core/a.cpp", "void f() {\n#if A\n  if (b) {\n#else\n  if (c) {\n#endif\n}\n}\n"),
        ("core/a.cpp", "void f() {\n}\n} // BAD\n"),
    ],
    "environment": [
        ("core/base/log.cpp", 'auto x = getenv("A");\n'),
        ("backends/cuda/device.cpp", 'auto x = std::getenv("A");\n'),
        ("apps/run.cpp", "\nextern char** environ; // BAD\n"),
    ],
    "quiet_library": [
        ("core/a.cpp", "  std::abort();\n"),
        ("core/a.cpp", "  exit(1);\n"),
        ("core/a.cpp", '  printf("%d", 1);\n'),
        ("core/a.cpp", '  std::fprintf(stderr, "x");\n'),
        ("backends/cpu/a.cpp", '\n  std::cerr << "x"; // BAD\n'),
        ("backends/cpu/a.cpp", '  fmt::print("x");\n'),
        ("core/a.cpp", "  throw std::bad_alloc();\n"),
        ("core/a.cpp", "#include <iostream>\n"),
    ],
    "unfinished_words": [("docs/a.md", "TO" "DO: write\n"), ("core/a.cpp", "\nint x;  // FIX" "ME BAD\n")],
    "machine_paths": [
        ("README.md", "cd /ho" "me/someone/tamis\n"),
        ("tests/a.cpp", 'open("/t' 'mp/x");  // BAD\n'),
        ("scripts/a.sh", "cd /wo" "rk\n"),
    ],
    "text_form": [("a.md", "x\ty\n"), ("core/a.h", "x \n"), ("core/a.h", "x"), ("core/a.h", "x\r\n")],
}

# rule: (path, text) pairs that it must let through.
LET_THROUGH = {
    "include_directions": [
        ("core/a.cpp", '#include <vector>\n#include <fmt/format.h>\n#include "core/ops.def"\n#include <sys/mman.h>\n'),
        ("core/a.cpp", '// #include "backends/cpu/isa.h"\n/*\n#include <cuda.h>\n*/\n'),
        ("core/backend/registry.cpp", '#include "tamis_abi_hash.h"\n'),
        ("core/text/regex.cpp", "#include <pcre2.h>\n"),
        ("core/numeric/fp8.h", '#include <cstdint>\n#include "core/numeric/host_device.h"\n'),
        ("backends/cpu/blas.cpp", '#include <cblas.h>\n#include "backends/cpu/blas.h"\n'),
        ("backends/cpu/backend.cpp", '#include "cpu_row_table.inc"\n'),
        ("backends/cpu/kernels/linear/tile_avx2.cpp", "#include <immintrin.h>\n"),
        ("backends/cuda/ops/linear.cpp", '#include <cuda.h>\n#include "kernels_cuda/linear/launch.h"\n'),
        ("backends/cuda/ops/linear.cpp", '#include "backends/gpu/operands.h"\n#include "kernels_gpu/linear/launch.h"\n'),
        ("backends/hip/error.h", '#include "kernels_hip/common/launch.h"\n#include <hip/hip_runtime_api.h>\n'),
        ("backends/gpu/ops/linear.cpp", '#include "backends/gpu/operands.h"\n#include "kernels_gpu/linear/launch.h"\n'),
        ("kernels_gpu/linear/tiled.cu", '#include "kernels_gpu/common/wave.h"\n#include "core/numeric/fp8.h"\n'),
        ("kernels_cuda/linear/tile.cu", '#include "kernels_gpu/common/launch.h"\n'),
        ("backends/hip/backend.cpp", '#include "hip_row_table.inc"\n#include "tamis_abi_hash.h"\n'),
        ("core/policy/capability.cpp", '#include "capabilities.inc"\n'),
        ("tests/plugins/a.cpp", '#include "backends/cpu/queue.h"\n#include "tests/plugins/faulty.h"\n'),
        ("kernels_cuda/linear/tile.cu", '#include "kernels_cuda/common/mma.cuh"\n#include "kernels_cuda/linear/a.h"\n'),
        ("tests/parity_main.cpp", '#include "tests/harness/parity.h"\n#include <CLI/CLI.hpp>\n'),
    ],
    "include_form": [("core/a/a.cpp", '#include "core/b/b.h"\n')],
    "header_guards": [("core/a.h", "#pragma once\n"), ("core/a.cpp", "")],
    "file_size": [("core/a.cpp", "\n" * 500), ("README.md", "\n" * 900)],
    "function_size": [
        ("core/a.cpp", "void f() {\n" + "\n" * 98 + "}\n"),
        ("core/a.cpp", "namespace a {\n" + "void f() {\n}\n" * 90 + "}\n"),
        ("core/a.h", "class A : public B<int> {\n public:\n" + "  int f() const { return 1; }\n" * 120 + "};\n"),
        ("core/a.cpp", "const int table[] = {\n" + "  1,\n" * 200 + "};\n"),
        ("core/a.cpp", "constexpr Row kRows[] = {\n" + '  {.name = "}", .f = [](int i) { return i; }},\n' * 120 + "};\n"),
        ("core/a.cpp", "enum class E : int {\n" + "  kA,\n" * 200 + "};\n"),
        ("kernels_hip/a/b.hip", "__global__ void f() {\n" + "\n" * 120 + "}\n"),
    ],
    "environment": [
        ("core/base/settings.cpp", 'std::getenv("A");\n'),
        ("core/a.cpp", '// getenv\nlog("getenv");\n'),
        ("tests/a.cpp", 'setenv("A", "1", 1);\n'),
    ],
    "quiet_library": [
        ("core/a.cpp", '  std::snprintf(a, 3, "x");\n  // abort()\n  x.exit();\n  log("printf(");\n'),
        ("apps/a.cpp", '  std::printf("x");\n  exit(1);\n'),
    ],
    "unfinished_words": [("docs/a.md", "a hackathon\n")],
    "machine_paths": [("a.md", "kernels/work/a and $TMPDIR/tmp/x and /usr/lib and models/home/\n")],
    "text_form": [("a.md", "x  \n"), ("core/a.h", "x\n"), ("core/a.h", "")],
}


def main():
    rules = {rule.__name__: rule for rule in lint.RULES}
    passed, failures = 0, []
    for name in rules:
        if not CAUGHT.get(name) or not LET_THROUGH.get(name):
            failures.append(f"{name}: no planted violation or no near miss")
    for name, samples in CAUGHT.items():
        for path, text in samples:
            wanted = next((i for i, line in enumerate(text.split("\n"), 1) if "BAD" in line), None)
            lines = [line for line, _ in rules[name](lint.File(path, text))]
            if lines and (wanted is None or wanted in lines):
                passed += 1
            else:
                failures.append(f"{name} missed a violation in {path}, reported lines {lines}:\n{text[:200]}")
    for name, samples in LET_THROUGH.items():
        for path, text in samples:
            found = list(rules[name](lint.File(path, text)))
            if found:
                failures.append(f"{name} reported {found} in {path}:\n{text[:200]}")
            else:
                passed += 1
    for failure in failures:
        print(f"FAIL {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
