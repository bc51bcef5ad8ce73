#!/usr/bin/env python3
"""check_code.py and issue_estimate.py on samples.hip: every planted mistake is named, and nothing else; the estimate of a
loop whose instructions are known is what they add up to.

  planted_test.py COMPILER FLAGS...   compiles samples.hip for gfx90a, gfx942 and gfx1100; prints "N passed, N failed"
"""
import pathlib
import subprocess
import sys
import tempfile

import check_code
import issue_estimate
from code_objects import CodeObjects

HERE = pathlib.Path(__file__).parent
TARGETS = ("gfx90a", "gfx942", "gfx1100")
BUDGETS = {
    "default": {"vgprs": 128, "agprs": 0, "lds_bytes": 16384, "lane_spills": 0},
    "kernels": {
        "streaming_kernel": {"wide_loads": {"gfx": 4}, "why": "bound by memory"},
        "roomy_kernel": {"wide_loads": {"gfx9": 4}, "gfx1100": {"lds_bytes": 24576}, "why": "planted"},
        "spilling_kernel": {"vgprs": 256, "agprs": 256, "lane_spills": 100, "why": "only the spills are looked for"},
        "starved_mfma_kernel": {"matrix_share": {"gfx9": 0.6}, "why": "planted"},
        "good_mfma_kernel": {"matrix_share": {"gfx9": 0.6}, "gfx90a": {"matrix": {"gfx90a": "v_mfma_f32_32x32x8bf16_1k"}}, "why": "one spelled out"},
        "scratch_kernel": {"wide_loads": {"gfx": 4}, "instances": "<1>", "why": "planted: no instance is called so"},
        "elsewhere_kernel": {"only": ["gfx942", "gfx11"], "matrix": {"gfx": "v_s?mfma"}, "why": "planted: empty on gfx1100"},
        "everywhere_kernel": {"only": ["gfx942"], "why": "planted"},
        "gone_kernel": {"vgprs": 100, "why": "planted: there is no such kernel"},
    },
}
# (targets, kernel, part of the message)
EXPECTED = [
    (("gfx90a", "gfx942"), "lost_mfma_kernel", "expected v_s?mfma…, found no such instruction"),
    (("gfx1100",), "lost_wmma_kernel", "expected v_s?wmma…, found no such instruction"),
    (TARGETS, "matrix_empty_kernel", "every instance is empty"),
    (("gfx1100",), "elsewhere_kernel", "every instance is empty"),
    (("gfx90a", "gfx1100"), "everywhere_kernel", "expected no code on this target"),
    (TARGETS, "spilling_kernel", "spilled vector registers: expected none"),
    (TARGETS, "spilling_kernel", "bytes of scratch memory: expected none"),
    (TARGETS, "scratch_kernel", "bytes of scratch memory: expected none"),
    (("gfx90a", "gfx942"), "starved_mfma_kernel", "issue-limited share of the matrix peak: expected 0.6, found 0."),
    (("gfx90a", "gfx942"), "roomy_kernel", "lds_bytes: expected at most 16384, found 24576"),
    (("gfx90a", "gfx942"), "roomy_kernel", "16-byte loads in flight: expected 4, found 0"),
]
MATRIX_SLOTS = {"gfx90a": 8 * 16, "gfx942": 8 * 8}  # 8 instructions of 16 and 8 passes
LOOP_BYTES = 4 * 8  # a lane reads of local memory in a turn

passed, failed = 0, 0


def expect(holds, what):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"FAILED {what}")


def check_messages(code):
    _, messages = check_code.check(code, BUDGETS)
    left = list(messages)
    for targets, kernel, part in EXPECTED:
        for target in targets:
            found = [m for m in left if m.startswith(f"{target} {kernel}") and part in m]
            expect(len(found) == 1, f"{target} {kernel}: expected one message with '{part}', found {len(found)}")
            left = [m for m in left if m not in found]
    for message in ("budget of gone_kernel: no such kernel", "budget of scratch_kernel: no instance is <1>"):
        expect(message in left, f"expected: {message}")
        left = [m for m in left if m != message]
    expect(not left, f"messages that nothing was planted for: {left}")


def check_estimate(code, target):
    kernel = next(k for k in code.kernels if k.name == "good_mfma_kernel" and k.target == target)
    lines = code.instructions(kernel)
    bodies = [issue_estimate.body_of(lines, loop) for loop in issue_estimate.innermost_loops(lines)]
    hot = [body for body in bodies if issue_estimate.heat(body, issue_estimate.TARGETS[target])[0] > 0]
    expect(len(hot) == 1, f"{target}: expected one loop with matrix instructions, found {len(hot)}")
    result = issue_estimate.estimate(hot[0], target, 4)
    expect(result["matrix"] == MATRIX_SLOTS[target],
           f"{target}: expected {MATRIX_SLOTS[target]} slots of the matrix unit, found {result['matrix']}")
    expect(issue_estimate.local_bytes(hot[0]) == LOOP_BYTES,
           f"{target}: expected {LOOP_BYTES} bytes of local memory, found {issue_estimate.local_bytes(hot[0])}")
    # Two chains of dependent products do not fill the unit alone; four waves of them do.
    expect(0.2 < result["share_alone"] < 1 and result["share"] > 0.95,
           f"{target}: shares alone {result['share_alone']:.2f}, of four waves {result['share']:.2f}")


def main():
    compiler, *flags = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="tamis_hip_samples_") as folder:
        built = pathlib.Path(folder) / "samples.o"
        archs = [f"--offload-arch={target}" for target in TARGETS]
        done = subprocess.run([compiler, "-x", "hip", *archs, *flags, "-O3", "-std=c++20", "-c", str(HERE / "samples.hip"),
                               "-o", str(built)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr[-2000:])
            expect(False, "samples.hip compiles")
        else:
            with CodeObjects([built]) as code:
                check_messages(code)
                for target in MATRIX_SLOTS:
                    check_estimate(code, target)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
