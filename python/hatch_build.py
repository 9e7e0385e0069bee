"""Puts the compiler and the runtime into the wheel. They are built in the folder
`build` of the checkout, as `cmake --preset release` makes it, or in the one that
SSMC_BUILD_DIR names; what is built there already is not built again."""
import os
import pathlib
import shutil
import subprocess
import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGETS = ("ssmc", "ssm-run", "ssmc-shared", "ssmrt-shared", "ssmrt")
FILES = {
    "lib/libssmc.so": "ssmc/lib/libssmc.so",
    "lib/libssmrt.so": "ssmc/lib/libssmrt.so",
    "lib/libssmrt.a": "ssmc/lib/libssmrt.a",
}
HEADERS = ("ssmc/ssmc.h", "ssmrt/ssmrt.h")
PROGRAMS = ("ssmc", "ssm-run")


class BuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        root = pathlib.Path(self.root)
        build = pathlib.Path(os.environ.get("SSMC_BUILD_DIR", root / "build"))
        for program in ("cmake", "ninja"):
            if not shutil.which(program):
                raise SystemExit(f"{program} is needed to build ssmc: tools/quickstart installs what is missing")
        if not (build / "build.ninja").exists():
            subprocess.run(["cmake", "--preset", "release", "-B", str(build)], cwd=root, check=True)
        subprocess.run(["cmake", "--build", str(build), "--target", *TARGETS], cwd=root, check=True)
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"  # ctypes: no Python's in particular
        include = {str(build / source): target for source, target in FILES.items()}
        include |= {str(root / "include" / header): f"ssmc/include/{header}" for header in HEADERS}
        build_data["force_include"] |= include
        build_data["shared_scripts"] |= {str(build / "bin" / program): program for program in PROGRAMS}
