"""Builds nervure._core. Kernels are compiled once for each instruction set, by file name; the rest with baseline flags.

Environment: NERVURE_DEV=1 makes warnings errors, NERVURE_SANITIZE=1 builds under ASan and UBSan.
"""

import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEV = os.environ.get("NERVURE_DEV") == "1"
SANITIZE = os.environ.get("NERVURE_SANITIZE") == "1"
X86 = platform.machine().lower() in ("x86_64", "amd64")
ARM = platform.machine().lower() in ("aarch64", "arm64")

# -ffp-contract=off: a fused multiply-add is spelled, so that every instruction set gives the same bits.
FLAGS = ["-std=gnu17", "-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
FLAGS += ["-fvisibility=hidden"]
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wdouble-promotion"]
WARNINGS += ["-Wvla"]
ISA_FLAGS = {
    "portable": [],
    "avx2": ["-mavx2", "-mfma", "-mbmi2"],
    "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mbmi2", "-mprefer-vector-width=512"],
    "neon": [],
}
ISAS = ["portable"] + (["avx2", "avx512"] if X86 else []) + (["neon"] if ARM else [])
if SANITIZE:
    FLAGS = [f for f in FLAGS if f not in ("-O3", "-g0")]
    FLAGS += ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
LINK = ["-pthread"]
if SANITIZE:
    LINK += ["-fsanitize=address,undefined"]
elif not DEV and sys.platform.startswith("linux"):  # a profiler wants the names
    LINK += ["-Wl,--strip-all"]
if DEV:
    FLAGS += WARNINGS + ["-Werror"]


def sources() -> list[str]:
    """The C files, the slowest to compile first."""
    kernels = [f"csrc/kernels/isa/{isa}.c" for isa in reversed(ISAS)]
    folders = ("kernels", "graph", "ops", "runtime", "train", "optimize", "module")
    return kernels + sorted(f for folder in folders for f in glob(f"csrc/{folder}/*.c"))


class BuildExt(build_ext):
    """Compiles the files side by side, each kernel file with the flags of its instruction set."""

    def build_extension(self, ext: Extension) -> None:
        compile_one = self.compiler.compile

        def compile_all(files, **options):
            def one(file):
                path = Path(file)
                flags = ISA_FLAGS[path.stem] if path.parent.name == "isa" else []
                extra = [*(options.get("extra_postargs") or []), *flags]
                return compile_one([file], **{**options, "extra_postargs": extra})

            with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2) as pool:
                return [obj for objs in pool.map(one, files) for obj in objs]

        self.compiler.compile = compile_all
        try:
            super().build_extension(ext)
        finally:
            self.compiler.compile = compile_one


setup(
    ext_modules=[
        Extension(
            "nervure._core",
            sources=sources(),
            include_dirs=["csrc", "csrc/include", numpy.get_include()],
            define_macros=[(f"NV_HAVE_{isa.upper()}", "1") for isa in ISAS],
            extra_compile_args=FLAGS,
            extra_link_args=LINK,
            depends=glob("csrc/**/*.h", recursive=True) + glob("csrc/**/*.inc", recursive=True),
        )
    ],
    cmdclass={"build_ext": BuildExt},
)
