#!/usr/bin/env python3
"""What the compiler made of the HIP kernels, held to budgets.json: no scratch memory, no spilled vector registers, and
registers, local memory and lane spills (scalar registers kept in lanes of vector registers) within each kernel's budget.

  check_code.py LIBRARY...                  one line a violation, then "N passed, N failed" (kernels by target)
  check_code.py LIBRARY... --table          instead: what each kernel takes, the most of its instances, as Markdown
  --budgets FILE, --target gfx942           other budgets; only these targets

A kernel may also declare what its code must have:
  "matrix": {"gfx9": "v_mfma_f32_32x32x8"}  by target, the longest prefix counts: an instruction that begins so
  "wide_loads": {"gfx9": 4}                 loads of 16 bytes a lane that are on their way at a time, at least
  "matrix_share": {"gfx942": 0.6}           issue_estimate.py's share of the matrix peak of its hottest loop, at least
  "instances": "true>"                      pattern of the instances that wide_loads and matrix_share hold; else all
  "only": ["gfx942", "gfx12"]               the targets, by prefix, that have a full instance; on others all are empty
  "gfx942": {...}                           another budget on this target
A kernel with mfma (or wmma) in its name declares v_mfma on CDNA (v_wmma on RDNA) by that, and one whose name begins with
matrix_ both; instances that are empty on a target are passed over, if another instance is not. A budget of a kernel that
no library has is an error.
"""
import argparse
import json
import pathlib
import re

from code_objects import TARGETS, CodeObjects
from issue_estimate import matrix_share

COUNTED = {"vgprs": "vgpr_count", "agprs": "agpr_count", "lds_bytes": "group_segment_fixed_size",
           "lane_spills": "sgpr_spill_count"}
DECLARED = ("matrix", "wide_loads", "matrix_share", "instances", "only")
STUB = 4  # most instructions of a kernel that is not for this target, s_endpgm included


def for_target(values, target):
    """The entry whose key is the longest prefix of target; None: none is."""
    keys = [key for key in values if target.startswith(key)]
    return values[max(keys, key=len)] if keys else None


def loads_in_flight(lines, load):
    """Most loads of that form between their issue and the wait for them, in the order of the listing."""
    waiting, most = [], 0  # of every load in order: is it of that form
    for line in lines:
        if re.match(r"(global|buffer|flat)_load", line):
            waiting.append(re.match(load, line) is not None)
        wait = re.search(r"vmcnt\((\d+)\)|^s_wait_loadcnt (?:0x)?([0-9a-f]+)", line)
        if wait:
            left = int(wait[1]) if wait[1] else int(wait[2], 16)
            waiting = waiting[len(waiting) - left:] if left < len(waiting) else waiting
        most = max(most, sum(waiting))
    return most


def is_held(kernel, budget):
    """Whether wide_loads and matrix_share are for this instance of the kernel."""
    return re.search(budget.get("instances", ""), kernel.plain) is not None


def declared_instructions(kernel, budget):
    matrix = for_target(budget.get("matrix", {}), kernel.target)
    unit = "mfma" if TARGETS[kernel.target].wave == 64 else "wmma"
    if matrix is None and (unit in kernel.name or kernel.name.startswith("matrix_")):
        matrix = TARGETS[kernel.target].matrix
    held = ("wide_loads", "matrix_share") if is_held(kernel, budget) else ()
    wide, share = (for_target(budget[field], kernel.target) if field in held and field in budget else None
                   for field in ("wide_loads", "matrix_share"))
    return matrix, wide, share


def is_stub(lines):
    return "s_endpgm" in lines[:STUB]


def is_for(kernel, budget):
    """Whether the kernel has code on its target, as far as the budget says."""
    return any(kernel.target.startswith(prefix) for prefix in budget.get("only", [""]))


def empty_everywhere(code, entries):
    """Messages of kernels that declare matrix instructions by their name, or targets, and are empty in all instances."""
    full = {}
    for kernel in code.kernels:
        entry = entries.get(kernel.name, {})
        if is_for(kernel, entry) if "only" in entry else declared_instructions(kernel, {})[0]:
            key = (kernel.target, kernel.name)
            full[key] = full.get(key, False) or not is_stub(code.instructions(kernel))
    return [f"{target} {name}: every instance is empty" for (target, name), some in full.items() if not some]


def check_kernel(code, kernel, budget):
    """What is wrong with one kernel."""
    wrong = []
    for fact, what in (("private_segment_fixed_size", "bytes of scratch memory"),
                       ("vgpr_spill_count", "spilled vector registers")):
        if kernel.facts[fact] > 0:
            wrong.append(f"{kernel.facts[fact]} {what}: expected none")
    matrix, wide, share = declared_instructions(kernel, budget)
    lines = code.instructions(kernel) if matrix or wide or share or "only" in budget else []
    if not is_for(kernel, budget):
        return wrong if is_stub(lines) else wrong + ["expected no code on this target"]
    if matrix and is_stub(lines) and ("matrix" not in budget or "only" in budget):
        return wrong
    for name, fact in COUNTED.items():
        # Accumulation registers are where matrix instructions add up; without them they are spilled vector registers.
        if kernel.facts.get(fact, 0) > budget[name] and not (name == "agprs" and matrix):
            wrong.append(f"{name}: expected at most {budget[name]}, found {kernel.facts[fact]}")
    if matrix and not any(re.match(matrix, line) for line in lines):
        wrong.append(f"expected {matrix}…, found no such instruction")
    if wide:
        found = loads_in_flight(lines, TARGETS[kernel.target].load128)
        if found < wide:
            wrong.append(f"16-byte loads in flight: expected {wide}, found {found}")
    if share:
        found = matrix_share(lines, kernel)
        if found < share:
            wrong.append(f"issue-limited share of the matrix peak: expected {share}, found {found:.2f}")
    return wrong


def check(code, budgets):
    """(passed, messages)"""
    passed, messages = 0, []
    known = {kernel.name for kernel in code.kernels}
    for name, entry in budgets["kernels"].items():
        if name not in known:
            messages.append(f"budget of {name}: no such kernel")
        if not entry.get("why"):
            messages.append(f"budget of {name}: no reason given (why)")
        if name in known and not any(is_held(kernel, entry) for kernel in code.kernels if kernel.name == name):
            messages.append(f"budget of {name}: no instance is {entry['instances']}")
        targets = [key for key in entry if key.startswith("gfx")]
        unknown = set(entry) - set(COUNTED) - set(DECLARED) - {"why"} - set(targets)
        if unknown or not set(targets) <= set(TARGETS):
            messages.append(f"budget of {name}: unknown field {', '.join(sorted(unknown) or targets)}")
    for kernel in code.kernels:
        entry = budgets["kernels"].get(kernel.name, {})
        budget = {**budgets["default"], **entry, **entry.get(kernel.target, {})}
        wrong = check_kernel(code, kernel, budget)
        passed += not wrong
        messages += [f"{kernel.target} {kernel.plain}: {text}" for text in wrong]
    return passed, messages + empty_everywhere(code, budgets["kernels"])


def table(kernels):
    """Markdown: by kernel and target "vector registers / waves a SIMD"; lane spills in brackets."""
    targets = [target for target in TARGETS if any(k.target == target for k in kernels)]
    lines = ["| kernel | static local memory, bytes | " + " | ".join(targets) + " |", "|---|---|" + "---|" * len(targets)]
    for name in sorted({kernel.name for kernel in kernels}):
        cells = []
        for target in targets:
            same = [k for k in kernels if k.name == name and k.target == target]
            most = {f: max(k.facts.get(f, 0) for k in same) for f in ("vgpr_count", "sgpr_spill_count")}
            spills = f" ({most['sgpr_spill_count']})" if most["sgpr_spill_count"] else ""
            cells.append(f"{most['vgpr_count']} / {min(k.occupancy() for k in same)}{spills}" if same else "")
        lds = max(k.facts["group_segment_fixed_size"] for k in kernels if k.name == name)
        lines.append(f"| {name} | {lds} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="+", metavar="LIBRARY")
    parser.add_argument("--budgets", type=pathlib.Path, default=pathlib.Path(__file__).with_name("budgets.json"))
    parser.add_argument("--target", action="append", choices=list(TARGETS))
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    with CodeObjects(arguments.libraries, arguments.target) as code:
        if arguments.table:
            print(table(code.kernels))
            return 0
        passed, messages = check(code, json.loads(arguments.budgets.read_text()))
        targets = sorted({kernel.target for kernel in code.kernels})
    for message in messages:
        print(f"FAILED {message}")
    print(f"{len({k.name for k in code.kernels})} kernels in {len(code.kernels)} instances on {', '.join(targets)}")
    print(f"{passed} passed, {len(messages)} failed")
    return 1 if messages else 0


if __name__ == "__main__":
    raise SystemExit(main())
