#!/usr/bin/env python3
"""Issue-limited estimate of a kernel's hottest loop, by llvm-mca: no card is asked.

  issue_estimate.py KERNEL [--library FILE] [--target gfx942] [--waves 4] [--loop N] [--body]

KERNEL is part of the name of a kernel or of an instance ("indexer_scores_mfma", "tiled_kernel<(tamis::gpu::Element)3>").
The hottest loop is the innermost one with the most matrix instructions, or without any the most vector instructions;
--loop takes another of those listed, --body prints it. llvm-mca's cycle is an issue slot: four clocks on CDNA, where a
wave of 64 takes a vector unit of 16 lanes that long.

What is computed, per turn of the loop:
  alone    slots that one wave takes by itself: issue in order, latencies, and waits for memory at llvm-mca's latency
  busiest  slots of the busiest unit: matrix; vector, whose port matrix instructions are issued through, too; scalar;
           local memory; memory
  share    of the matrix unit's peak with --waves waves on the SIMD (4, or fewer where the registers or the static local
           memory leave room for fewer): their turns overlap, so it is waves x matrix / max(alone, waves x busiest)
  LDS      bytes of local memory that the four SIMDs of a CU then read and write a clock; the hardware has 128
It leaves out: bank conflicts, cache misses beyond that latency, waits at barriers, and waves that stall each other. A
real card is slower. Figures are stated for gfx90a and gfx942; those of the other targets are for the record only, and
RDNA, whose vector units do the matrix instructions themselves, gets no share.
"""
import argparse
import json
import pathlib
import re

from code_objects import TARGETS, CodeObjects, run, tool

ITERATIONS = 100
CLOCKS = {64: 4, 32: 1}  # of an issue slot, by wave
STATED = ("gfx90a", "gfx942")


def is_branch(line):
    return re.match(r"s_c?branch\S*\s+(L\d+)", line)


def innermost_loops(lines):
    """(begin, end) of loops without a loop inside, as ranges of lines."""
    labels = {line[1:-2]: i for i, line in enumerate(lines) if re.match(r"<L\d+>:$", line)}
    loops = set()
    for i, line in enumerate(lines):
        branch = is_branch(line)
        if branch and labels.get(branch[1], len(lines)) <= i:
            loops.add((labels[branch[1]], i + 1))
    return sorted(a for a in loops if not any(a != b and a[0] <= b[0] and b[1] <= a[1] for b in loops))


def body_of(lines, loop):
    return [line for line in lines[loop[0]:loop[1]] if not line.endswith(">:")]


def heat(body, target):
    return (sum(re.match(target.matrix, line) is not None for line in body), sum(line.startswith("v_") for line in body))


def local_bytes(body):
    """Bytes that a lane reads and writes in local memory."""
    total = 0
    for line in body:
        access = re.match(r"ds_(?:read|write|load|store)(2(?:st64|addr_?st64|addr)?)?(?:_addtid|_tr)?\d*_[a-z]*(\d+)", line)
        if access:
            total += int(access[2]) // 8 * (2 if access[1] else 1)
    return total


def simulate(body, name):
    """(slots of a turn alone, slots by resource, instructions that llvm-mca does not know)"""
    text = []
    for line in body:
        if is_branch(line):
            line = line.split()[0] + " 0"
        if not re.match(r"s_barrier|s_endpgm", line):  # a barrier's wait depends on the other waves
            text.append(line)
    report = json.loads(run(tool("llvm-mca"), "-mtriple=amdgcn", f"-mcpu={name}", f"-iterations={ITERATIONS}", "--json",
                            "-skip-unsupported-instructions=any", "-", text="\n".join(text) + "\n"))
    region = report["CodeRegions"][0]
    known = len(region["Instructions"])
    names = report["TargetInfo"]["Resources"]
    slots = {name: 0.0 for name in names}
    for entry in region["ResourcePressureView"]["ResourcePressureInfo"]:
        if entry["InstructionIndex"] == known:
            slots[names[entry["ResourceIndex"]]] += entry["ResourceUsage"]
    return region["SummaryView"]["TotalCycles"] / ITERATIONS, slots, len(text) - known


def estimate(body, name, waves):
    target = TARGETS[name]
    alone, slots, unknown = simulate(body, name)
    slots["HWVALU"] = slots.get("HWVALU", 0.0) + heat(body, target)[0]
    matrix, busiest = slots.get("HWXDL", 0.0), max(slots.values())
    turn = max(alone, waves * busiest)
    clocks = turn * CLOCKS[target.wave]
    return {"instructions": len(body), "products": heat(body, target)[0], "unknown": unknown, "alone": alone,
            "slots": slots, "matrix": matrix, "waves": waves, "share_alone": matrix / alone,
            "share": waves * matrix / turn, "lds": local_bytes(body) * target.wave * waves * target.simds / clocks}


def hottest_loop(lines, name):
    """(bodies of the innermost loops, index of the hottest), or None."""
    bodies = [body_of(lines, loop) for loop in innermost_loops(lines)]
    return (bodies, max(range(len(bodies)), key=lambda i: heat(bodies[i], TARGETS[name]))) if bodies else None


def matrix_share(lines, kernel, waves=4):
    """The estimate of the kernel's hottest loop, of 1."""
    found = hottest_loop(lines, kernel.target)
    return estimate(found[0][found[1]], kernel.target, min(waves, kernel.occupancy()))["share"] if found else 0.0


def describe(name, kernel, loops, chosen, result):
    waves = result["waves"]
    slots = ", ".join(f"{unit[2:]} {used:g}" for unit, used in result["slots"].items() if used)
    record = "" if name in STATED else " (for the record)"
    lines = [
        f"{name}: {kernel.plain}{record}",
        f"  loop {chosen} of {loops} innermost: {result['instructions']} instructions, {result['products']} of them matrix"
        + (f", {result['unknown']} unknown to llvm-mca" if result["unknown"] else ""),
        f"  slots of a turn: alone {result['alone']:.1f}; {slots}",
    ]
    if TARGETS[name].wave == 64:
        lines += [
            f"  issue-limited estimate: {100 * result['share']:.0f} % of the matrix peak with {waves} waves a SIMD"
            f" ({kernel.occupancy()} fit), {100 * result['share_alone']:.0f} % with one",
            f"  LDS: {result['lds']:.0f} bytes a clock and CU of 128"
            + (": more than there are, so local memory bounds it" if result["lds"] > 128 else ""),
        ]
    return "\n".join(lines)


def pick(kernels, words):
    found = [kernel for kernel in kernels if words in kernel.name or words in kernel.pretty]
    if not found:
        names = ", ".join(sorted({kernel.name for kernel in kernels}))
        raise SystemExit(f"no kernel {words}: there are {names}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel")
    parser.add_argument("--library", default=pathlib.Path(__file__).parents[2] / "build/all/lib/libtamis_hip.so")
    parser.add_argument("--target", action="append", choices=list(TARGETS))
    parser.add_argument("--waves", type=int, default=4)
    parser.add_argument("--loop", type=int)
    parser.add_argument("--body", action="store_true")
    parser.add_argument("--json", action="store_true", help="one object a kernel and target, for tests")
    arguments = parser.parse_args()
    with CodeObjects([arguments.library], arguments.target or list(STATED)) as code:
        for kernel in pick(code.kernels, arguments.kernel):
            lines, name = code.instructions(kernel), kernel.target
            found = hottest_loop(lines, name)
            if found is None:
                print(f"{name}: {kernel.plain}\n  no loop")
                continue
            bodies, chosen = found
            if arguments.loop is not None:
                chosen = arguments.loop
            if not 0 <= chosen < len(bodies):
                raise SystemExit(f"--loop {chosen}: {kernel.plain} has {len(bodies)} innermost loops")
            result = estimate(bodies[chosen], name, min(arguments.waves, kernel.occupancy()))
            if arguments.json:
                print(json.dumps({"target": name, "kernel": kernel.plain, **result}))
                continue
            print(describe(name, kernel, len(bodies), chosen, result))
            if arguments.body:
                print("\n".join("    " + line for line in bodies[chosen]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
