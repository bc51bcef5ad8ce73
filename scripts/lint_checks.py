#!/usr/bin/env python3
"""The rules of this repository that no compiler checks. Python's standard library only.

  scripts/lint_checks.py              check every file; one line a violation, then "N passed, N failed" (rules)
  scripts/lint_checks.py --functions  the longest functions, for a look

tests/lint/lint_checks_test.py plants violations of each rule and sees them caught.

A rule is a function from a File to (line, message) pairs, listed in RULES with its name. Rules that look for code
read File.code: comments, strings and preprocessor lines blanked, newlines kept, so line numbers hold.
"""
import argparse
import pathlib
import re
import subprocess
import sys

MAX_FILE_LINES = 500
AIMED_FUNCTION_LINES = 60
MAX_FUNCTION_LINES = 100
MAX_KERNEL_LINES = 150
NOT_OURS = ("tests/fixtures/", "models/", "docs/generated/", "LICENSE")

C_LIKE = (".h", ".cpp", ".cu", ".cuh", ".hip", ".comp", ".glsl", ".def")
SOURCES = C_LIKE + (".py", ".sh", ".cmake", "CMakeLists.txt")
TEXTS = SOURCES + (".md", ".json", ".yml", ".yaml", ".txt", "run")

STANDARD_HEADERS = set("""
algorithm any array atomic barrier bit bitset charconv chrono cmath compare complex concepts condition_variable
coroutine cassert cctype cerrno cfenv cfloat cinttypes climits csignal cstdarg cstddef cstdint cstdio cstdlib cstring
ctime cwchar deque exception execution filesystem forward_list fstream functional future initializer_list iomanip ios
iosfwd iostream istream iterator latch limits list locale map memory memory_resource mutex new numbers numeric
optional ostream queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location span
sstream stack stdexcept stop_token streambuf string string_view system_error thread tuple type_traits typeindex
typeinfo unordered_map unordered_set utility valarray variant vector version
""".split())
POSIX_HEADERS = set("""
arpa/inet.h dirent.h dlfcn.h fcntl.h fnmatch.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h sched.h signal.h
sys/epoll.h sys/mman.h sys/prctl.h sys/resource.h sys/socket.h sys/stat.h sys/syscall.h sys/sysinfo.h sys/time.h
sys/types.h sys/uio.h sys/un.h sys/wait.h termios.h unistd.h
""".split())
# What a GPU compiler has too.
NUMERIC_HEADERS = {"cfloat", "climits", "cmath", "cstddef", "cstdint", "cstring", "limits", "type_traits", "bit"}

# Vendor headers, as patterns of an include's name, by the folder of the backend.
VENDOR_HEADERS = {
    "cpu": r"(immintrin|cpuid|omp|numa|numaif)\.h",
    "cuda": r"(cuda|cublas|nvrtc|nvml|nccl)[A-Za-z0-9_]*\.h|cuda/.*|cooperative_groups.*|cutlass/.*|cute/.*",
    "hip": r"hip/.*|rocm.*|rccl.*|hip(blas|rand|rtc).*|rocblas.*",
    "vulkan": r"vulkan/.*|vk_.*\.h|shaders/.*\.inc|glslang/.*",
    "null": r"(?!)",
}
NOTHING = r"(?!)"


class Room:
    """Who may include what: `quoted` and `angled` are patterns of whole include names."""

    def __init__(self, pattern, quoted, angled=NOTHING, standard=STANDARD_HEADERS | POSIX_HEADERS):
        self.pattern, self.quoted, self.angled, self.standard = re.compile(pattern), quoted, angled, standard

    def allows(self, name, is_angled):
        if is_angled and name in self.standard:
            return True
        return re.fullmatch(self.angled if is_angled else self.quoted, name) is not None


SHARED_KERNEL_HEADERS = r"kernels_gpu/(?:[a-z_0-9]+/launch|common/[a-z_0-9]+)\.h"
LIBRARIES = r"fmt/.*|nlohmann/.*"


def make_rooms():
    """The first room whose pattern matches a path holds."""
    rooms = [
        Room(r"core/numeric/", r"core/numeric/.*", standard=NUMERIC_HEADERS),
        Room(r"core/text/regex\.cpp$", r"core/.*", LIBRARIES + r"|pcre2\.h"),
        Room(r"core/policy/capability\.cpp$", r"core/.*|capabilities\.inc", LIBRARIES),
        Room(r"core/", r"core/.*|tamis_abi_hash\.h", LIBRARIES),
        Room(r"backends/cpu/blas\.cpp$", r"core/.*|backends/cpu/.*", r"cblas\.h|fmt/.*|omp\.h"),
    ]
    for name, vendor in VENDOR_HEADERS.items():
        generated = rf"{name}_row_table\.inc|tamis_abi_hash\.h"
        kernel_headers = rf"kernels_{name}/(?:[a-z_0-9]+/launch|common/[a-z_0-9]+)\.h"
        own = rf"core/.*|backends/{name}/.*|{kernel_headers}|{generated}"
        if name in ("cuda", "hip"):
            own += rf"|backends/gpu/[a-z_]+\.h|{SHARED_KERNEL_HEADERS}"
        rooms.append(Room(rf"backends/{name}/", f"{own}|{vendor}", f"fmt/.*|{vendor}"))
        kernels = r"shaders" if name == "vulkan" else f"kernels_{name}"
        for_kernels = rf"core/numeric/.*|core/ops/[a-z_0-9]+/[a-z_0-9]+\.h|core/base/.*|{kernels}/.*"
        if name in ("cuda", "hip"):
            for_kernels += r"|kernels_gpu/[a-z_0-9]+/[a-z_0-9]+\.h"
        rooms.append(Room(rf"{kernels}/", for_kernels, vendor))
    rooms += [
        # Compiled by CUDA and by HIP, which only the one header knows apart.
        Room(r"backends/gpu/", rf"core/.*|backends/gpu/.*|{SHARED_KERNEL_HEADERS}", "fmt/.*"),
        Room(r"kernels_gpu/common/runtime\.h$", r"kernels_gpu/.*", r"(hip/hip|cuda)_runtime\.h"),
        Room(r"kernels_gpu/", r"core/numeric/.*|kernels_gpu/.*"),
        # Stands in for HIP's headers, and runs what was written against them.
        Room(r"tests/hip_emulation/checked/", r"core/.*|tests/.*|hip/.*|kernels_gpu/.*|kernels_hip/.*", LIBRARIES + r"|gtest/.*|hip/.*"),
        Room(r"tests/hip_emulation/", r"core/.*|tests/.*|hip/.*|kernels_hip/common/.*", LIBRARIES + r"|boost/context/.*|gtest/.*|hip/.*"),
        # HIP's headers once more, on top of CUDA's.
        Room(r"tests/hip_on_cuda/", r"hip/.*", VENDOR_HEADERS["cuda"]),
        Room(r"tests/hip_code/", NOTHING, r"hip/.*"),
        # A layer between the Vulkan backend and its driver.
        Room(r"tests/vulkan_faults/layer\.cpp$", r"tests/vulkan_faults/.*", VENDOR_HEADERS["vulkan"]),
        # Stands in for instructions of the CPU.
        Room(r"tests/amx_emulation/", NOTHING, VENDOR_HEADERS["cpu"]),
        Room(r"cmake/hip_compat/", NOTHING, r"hip/.*"),
        Room(r"apps/bench(_\w+)?\.(cpp|h)$", r"core/.*|apps/.*|bench/.*", LIBRARIES + r"|CLI/.*"),
        Room(r"apps/parity_op\.cpp$", r"core/.*|apps/.*|tests/parity/.*", LIBRARIES + r"|CLI/.*"),
        Room(r"apps/", r"core/.*|apps/.*", LIBRARIES + r"|CLI/.*"),
        Room(r"bench/", r"core/.*|bench/.*|tests/(cases|harness)/.*", LIBRARIES + r"|CLI/.*"),
        # Plug-ins built outside the tree, which add to the CPU backend.
        Room(r"tests/plugins/", r"core/.*|backends/cpu/.*|tests/plugins/.*|tamis_abi_hash\.h", LIBRARIES),
        Room(r"tests/core/bench_\w+\.cpp$", r"core/.*|tests/.*|bench/.*", LIBRARIES + r"|gtest/.*"),
        Room(r"tests/", r"core/.*|tests/.*|tamis_abi_hash\.h", LIBRARIES + r"|CLI/.*|gtest/.*|gmock/.*"),
    ]
    return rooms


ROOMS = make_rooms()
# `kernels_X/<op>/` may include its own folder and common/ only.
KERNEL_ROOM = re.compile(r"(kernels_[a-z]+|shaders)/([a-z_0-9]+)/")
# A backend's host code includes headers of kernels_X/common/ only if these are free of device code.
DEVICE_CODE = re.compile(r"\b__(?:device|global|shared)__\b|<(?:hip/hip|cuda)_runtime\.h>")
ROOT = pathlib.Path(__file__).resolve().parent.parent


def is_plain_header(name):
    header = ROOT / name
    return not header.is_file() or not DEVICE_CODE.search(header.read_text(encoding="utf-8"))


def blank(text):
    return re.sub(r"[^\n]", " ", text)


TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|' r"(?<![0-9A-Fa-f'])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


class File:
    def __init__(self, path, text):
        self.path, self.text = path, text
        self.lines = text.split("\n")
        self.is_c_like = path.endswith(C_LIKE)
        if not self.is_c_like:
            return
        # Strings become "" so that `extern "C" {` stays readable; both forms keep every newline.
        self.uncommented = TOKENS.sub(lambda m: blank(m[0]) if m[0].startswith("/") else m[0], text)
        code = TOKENS.sub(lambda m: blank(m[0]) if m[0][0] in "/'" else '""' + blank(m[0][2:]), text)
        self.code = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: blank(m[0]), code, flags=re.MULTILINE)

    def find(self, pattern, text=None):
        text = self.code if text is None else text
        return [(text.count("\n", 0, m.start()) + 1, m) for m in re.finditer(pattern, text, re.MULTILINE)]


# ---- rules -----------------------------------------------------------------------------------------------------

def include_directions(file):
    if not file.is_c_like:
        return
    room = next((r for r in ROOMS if r.pattern.match(file.path)), None)
    for line, match in file.find(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', file.uncommented):
        name = match[2]
        if room is None:
            yield line, "a source file outside the rooms of the tree"
            return
        if not room.allows(name, match[1] == "<"):
            yield line, f"may not include {name}"
            continue
        mine, other = KERNEL_ROOM.match(file.path), KERNEL_ROOM.match(name)
        if mine and other and other[2] not in (mine[2], "common"):
            yield line, f"may not include {name}: another op's kernels"
        if other and file.path.startswith("backends/") and not is_plain_header(name):
            yield line, f"may not include {name}: it holds device code"


def include_form(file):
    """Quoted includes are written from the root of the repository."""
    if not file.is_c_like:
        return
    for line, match in file.find(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', file.uncommented):
        if ".." in match[1].split("/"):
            yield line, f"{match[1]}: write includes from the root of the repository"


def header_guards(file):
    if file.path.endswith((".h", ".cuh")) and "#pragma once" not in file.text:
        yield 1, "no #pragma once"


def file_size(file):
    lines = len(file.text.splitlines())
    if file.path.endswith(SOURCES) and lines > MAX_FILE_LINES:
        yield lines, f"{lines} lines, at most {MAX_FILE_LINES}"


SCOPE = re.compile(r'(?:inline\s+|typedef\s+|static\s+)*(?:namespace|class|struct|union|enum)\b|extern\s*""\s*$')
NOISE = re.compile(r"\b(?:public|private|protected)\s*:|\[\[[^\]]*\]\]|\b(?:alignas|__launch_bounds__)\s*\([^()]*\)")


def strip_templates(head):
    """`template <class A, B<C> d> rest` → `rest`."""
    while match := re.match(r"\s*template\s*<", head):
        depth, at = 1, match.end()
        while depth and at < len(head):
            depth += {"<": 1, ">": -1}.get(head[at], 0)
            at += 1
        head = head[at:]
    return head.strip()


def brace_kind(head):
    """What the brace after `head` opens, at namespace or class level: scope, function or initialiser."""
    head = strip_templates(NOISE.sub(" ", head))
    if SCOPE.match(head) and not re.search(r"\)\s*(const|noexcept|override)?\s*$", head):
        return "scope"
    if re.search(r"(?<![=!<>])=(?!=)[^()]*$", head.split("operator")[0]) and not re.search(r"\]\s*\(.*\)", head):
        return "initialiser"
    if "(" not in head:
        return "function" if re.search(r"\[[&=]?\]\s*$", head) else "initialiser"
    members = re.search(r"\)\s*(?:noexcept\s*)?:(?!:)", head)
    if members and re.search(r"[\w>]\s*$", head[members.end():]):
        return "initialiser"  # `Foo() : member_{`
    return "function"


def matching_brace(code, at):
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, at):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return None


def functions(file):
    """(first line, last line, name) of each function body; None in place of a name where braces do not match."""
    code, at, head_start = file.code, 0, 0
    depth = 0
    while match := re.compile(r"[{};]").search(code, at):
        at = match.end()
        if match[0] == "{":
            kind = brace_kind(code[head_start:match.start()])
            if kind == "scope":
                depth, head_start = depth + 1, at
                continue
            end = matching_brace(code, match.start())
            if end is None:
                yield code.count("\n", 0, match.start()) + 1, 0, None
                return
            at = end + 1
            if kind == "initialiser":
                continue  # the head goes on: `Foo() : a_{1} {`
            head = NOISE.sub(lambda m: blank(m[0]), code[head_start:match.start()])
            first = code.count("\n", 0, head_start + len(head) - len(head.lstrip())) + 1
            name = re.search(r"([~\w:]+|operator[^(]*)\s*\(", strip_templates(head))
            yield first, code.count("\n", 0, end) + 1, name[1] if name else "lambda"
        elif match[0] == "}":
            depth -= 1
            if depth < 0:
                yield code.count("\n", 0, match.start()) + 1, 0, None
                return
        head_start = at
    if depth:
        yield len(file.lines), 0, None


def is_kernel_file(path):
    return re.match(r"kernels_[a-z]+/|shaders/|backends/[a-z]+/kernels/", path) is not None


def function_size(file):
    if not file.is_c_like or file.path.endswith(".def"):
        return
    limit = MAX_KERNEL_LINES if is_kernel_file(file.path) else MAX_FUNCTION_LINES
    for first, last, name in functions(file):
        if name is None:
            yield first, "braces do not match here (keep #if and #else balanced)"
        elif last - first + 1 > limit:
            yield first, f"{name} has {last - first + 1} lines, at most {limit} (aim at {AIMED_FUNCTION_LINES})"


def environment(file):
    if file.is_c_like and file.path != "core/base/settings.cpp":
        for line, match in file.find(r"\b(secure_)?getenv\b|\benviron\b"):
            yield line, f"{match[0]}: only core/base/settings.cpp reads the environment"


LIBRARY = re.compile(r"core/|backends/|kernels_[a-z]+/")


def quiet_library(file):
    """The library neither prints, nor ends the process, nor throws: it returns a Status."""
    if not file.is_c_like or not LIBRARY.match(file.path):
        return
    calls = r"(?<![\w.>])(?:std::|::)?(?:abort|exit|_Exit|quick_exit|terminate|[fvd]*printf|puts|fputs|putchar|perror)\s*\("
    for line, match in file.find(calls + r"|\bstd::(?:cout|cerr|clog)\b|\bfmt::print\w*\s*\(|\bthrow\b"):
        yield line, f"{match[0].strip(' (')} in the library: return a Status"
    for line, match in file.find(r"#[ \t]*include[ \t]*<(iostream|fmt/(?:color|ostream))", file.uncommented):
        yield line, f"<{match[1]}> in the library"


# Written in two pieces, so that this file passes its own rule.
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.\-$}/*])/(?:wo" r"rk|ho" r"me|ro" r"ot|t" r"mp|Us" r"ers|mn" r"t|scr" r"atch)(?:/|\b(?![\w*]))")


def unfinished_words(file):
    for number, line in enumerate(file.lines, 1):
        if match := UNFINISHED.search(line):
            yield number, f"{match[0]}: finish it, or write an issue"


def machine_paths(file):
    for number, line in enumerate(file.lines, 1):
        if match := MACHINE_PATH.search(line):
            yield number, f"{match[0]}…: a path of one machine"


def text_form(file):
    """UTF-8 without tabs, carriage returns or trailing blanks, with a newline at the end."""
    for number, line in enumerate(file.lines, 1):
        if "\t" in line or "\r" in line:
            yield number, "tab or carriage return"
        if line.endswith(" ") and not file.path.endswith(".md"):
            yield number, "blanks at the end of the line"
    if file.text and not file.text.endswith("\n"):
        yield len(file.lines), "no newline at the end of the file"


RULES = (include_directions, include_form, header_guards, file_size, function_size, environment, quiet_library,
         unfinished_words, machine_paths, text_form)


# ---- running ---------------------------------------------------------------------------------------------------

def repository_files(root):
    listing = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if listing.returncode == 0:
        names = sorted(set(listing.stdout.splitlines()))
    else:  # an unpacked archive
        names = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
        names = [n for n in names if not n.startswith(("build/", "."))]
    for name in names:
        if name.startswith(NOT_OURS) or not name.endswith(TEXTS) or not (root / name).is_file():
            continue
        yield File(name, (root / name).read_text(encoding="utf-8"))


def check(root):
    files = list(repository_files(root))
    failed = 0
    for rule in RULES:
        violations = [(f.path, line, message) for f in files for line, message in rule(f)]
        for path, line, message in violations:
            print(f"{path}:{line}: {message} [{rule.__name__}]")
        failed += bool(violations)
    if not files:
        print("no files found")
        failed += 1
    lengths = [last - first + 1 for f in files if f.is_c_like and not f.path.endswith(".def")
               for first, last, name in functions(f) if name]
    over = sum(n > AIMED_FUNCTION_LINES for n in lengths)
    print(f"{len(files)} files, {len(lengths)} functions: {over} over {AIMED_FUNCTION_LINES} lines, "
          f"longest {max(lengths, default=0)}")
    print(f"{len(RULES) - failed} passed, {failed} failed")
    return 1 if failed else 0


def longest_functions(root):
    found = [(last - first + 1, f.path, first, name) for f in repository_files(root)
             if f.is_c_like and not f.path.endswith(".def") for first, last, name in functions(f) if name]
    for lines, path, first, name in sorted(found, reverse=True)[:20]:
        print(f"{lines:4} {path}:{first} {name}")
    return 0


def main():
    parser = argparse.ArgumentParser(description="Rules of the repository that no compiler checks.")
    parser.add_argument("--functions", action="store_true", help="print the longest functions")
    options = parser.parse_args()
    return longest_functions(ROOT) if options.functions else check(ROOT)


if __name__ == "__main__":
    sys.exit(main())
