"""Code objects for AMD GPUs as clang leaves them in a library or an object file: what each kernel takes, its instructions.

HIP sources leave one bundle each (clang's offload bundle, not compressed): magic, u64 count, then per entry u64 offset, u64
size, u64 length of the id, the id. Offsets count from the magic.
"""
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass

MAGIC = b"__CLANG_OFFLOAD_BUNDLE__"


def tool(name):
    """Path of an LLVM tool: of Debian's newest version, or ROCm's."""
    for candidate in (f"{name}-22", f"{name}-21", f"{name}-20", f"/opt/rocm/llvm/bin/{name}", name):
        if shutil.which(candidate):
            return candidate
    raise SystemExit(f"{name}: not found (Debian: llvm-22)")


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:3])} …: exit {done.returncode}: {done.stderr.strip()[:400]}")
    return done.stdout


def bundled(data):
    """(target, code object) pairs of a file's bytes."""
    if b"CCOB" in data and MAGIC not in data:
        raise SystemExit("the code objects are compressed: build with --no-offload-compress")
    start = data.find(MAGIC)
    while start >= 0:
        at = start + len(MAGIC)
        (count,) = struct.unpack_from("<Q", data, at)
        at += 8
        for _ in range(count):
            offset, size, length = struct.unpack_from("<QQQ", data, at)
            name = data[at + 24:at + 24 + length].decode()
            at += 24 + length
            if size > 0 and "amdgcn" in name:
                yield re.search(r"gfx[0-9a-f]+", name)[0], data[start + offset:start + offset + size]
        start = data.find(MAGIC, at)


@dataclass(frozen=True)
class Target:
    """What bounds the waves of a SIMD (the LLVM AMDGPU back end has the same figures), and how its instructions are
    called."""
    wave: int
    most_waves: int  # of a SIMD
    vgprs: int  # of a lane of a SIMD, accumulation registers included
    vgpr_step: int
    sgprs: int  # of a SIMD; 0: every wave has all that it can name
    lds: int  # bytes that the blocks on `simds` SIMDs share
    matrix: str
    load128: str  # pattern of a load of 16 bytes a lane
    simds: int = 4


CDNA = {"wave": 64, "most_waves": 8, "vgprs": 512, "vgpr_step": 8, "sgprs": 800, "matrix": "v_s?mfma",
        "load128": r"(global|buffer|flat)_load_dwordx4\b"}
RDNA = {"wave": 32, "most_waves": 16, "vgprs": 1536, "vgpr_step": 24, "sgprs": 0, "matrix": "v_s?wmma",
        "load128": r"(global|buffer|flat)_load_b128\b"}
TARGETS = {
    "gfx90a": Target(lds=64 << 10, **CDNA),
    "gfx942": Target(lds=64 << 10, **CDNA),
    "gfx950": Target(lds=160 << 10, **CDNA),
    "gfx1100": Target(lds=128 << 10, **RDNA),
    "gfx1201": Target(lds=128 << 10, **RDNA),
}


def round_up(n, step):
    return -(-n // step) * step


@dataclass
class Kernel:
    """Facts are the fields of its metadata: vgpr_count (accumulation registers included), agpr_count, sgpr_count,
    vgpr_spill_count, sgpr_spill_count, private_segment_fixed_size, group_segment_fixed_size, …"""
    symbol: str
    target: str
    code: pathlib.Path
    facts: dict
    pretty: str = ""

    @property
    def name(self):
        """The function's own name, without namespaces, template arguments and parameters."""
        return re.sub(r"[<(].*", "", re.sub(r"^void |\(anonymous namespace\)::|\w+::(?=.*[<(])", "", self.plain))

    @property
    def plain(self):
        return self.pretty.replace("(anonymous namespace)::", "").replace("tamis::gpu::", "").replace("tamis::", "")

    def occupancy(self):
        """Waves of a SIMD that its registers and its static local memory leave room for."""
        target, facts = TARGETS[self.target], self.facts
        waves = min(target.most_waves, target.vgprs // round_up(max(facts["vgpr_count"], 1), target.vgpr_step))
        if target.sgprs:
            waves = min(waves, target.sgprs // max(facts["sgpr_count"], 1))
        if facts["group_segment_fixed_size"] > 0:
            of_block = -(-facts["max_flat_workgroup_size"] // target.wave)
            blocks = target.lds // facts["group_segment_fixed_size"]
            waves = min(waves, max(1, -(-blocks * of_block // target.simds)))
        return waves


class CodeObjects:
    """All kernels of some files. A context: the code objects lie in a temporary folder."""

    def __init__(self, files, targets=None):
        self.folder = tempfile.TemporaryDirectory(prefix="tamis_hip_code_")
        self.listings = {}
        codes = []
        for path in files:
            for target, code in bundled(pathlib.Path(path).read_bytes()):
                if target in (targets or TARGETS):  # of others nothing is known here
                    codes.append(pathlib.Path(self.folder.name) / f"{len(codes)}.{target}.co")
                    codes[-1].write_bytes(code)
        if not codes:
            raise SystemExit(f"{', '.join(map(str, files))}: no code objects for {', '.join(targets or TARGETS)} found")
        self.kernels = self.read_notes(codes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    @staticmethod
    def read_notes(codes):
        kernels = []
        for code in codes:
            text = run(tool("llvm-readelf"), "--notes", str(code))
            for lines in re.split(r"^  - (?=\.)", text, flags=re.M)[1:]:
                symbol = re.search(r"^ +\.name: +(\S+)$", lines, flags=re.M)
                facts = {key: int(value) for key, value in re.findall(r"^ *\.(\w+): +(\d+)$", lines, flags=re.M)}
                if symbol:
                    kernels.append(Kernel(symbol[1], code.name.split(".")[1], code, facts))
        pretty = run(tool("llvm-cxxfilt"), text="\n".join(kernel.symbol for kernel in kernels)).splitlines()
        for kernel, name in zip(kernels, pretty):
            kernel.pretty = name
        return kernels

    def instructions(self, kernel):
        """Lines of the kernel's listing: instructions, and labels as "<L3>:"."""
        if kernel.code not in self.listings:
            text = run(tool("llvm-objdump"), "-d", "--symbolize-operands", "--no-leading-addr", "--no-show-raw-insn",
                       str(kernel.code))
            lines = [line.split("//")[0].strip() for line in text.splitlines()]
            self.listings[kernel.code] = [line for line in lines if line]
        listing = self.listings[kernel.code]
        begin = listing.index(f"<{kernel.symbol}>:") + 1
        end = begin
        while end < len(listing) and (not listing[end].endswith(">:") or re.match(r"<L\d+>:$", listing[end])):
            end += 1
        return listing[begin:end]
