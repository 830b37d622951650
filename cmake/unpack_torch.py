#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unpacks the CUDA LibTorch of PyPI's wheel, to compile and link with where none is installed.

    cmake/unpack_torch.py [--wheel FILE] [--toolkit FOLDER] FOLDER

Downloads 0.5 GB by pip, unless --wheel names the file, and unpacks headers, libraries and CMake files,
1.1 GB, into FOLDER/torch; Python's own part is left out. The CUDA toolkit must be that of the wheel, 13.0,
and is looked for beside nvcc. What LibTorch wants beyond it and beyond what the system has (cuDNN, NCCL
and their like, where they are not installed) gets stubs: enough to link, and to run on the processor; a
function of a stub that is called says its name and ends the program.
"""
import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

VERSION = "2.11.0"  # of CUDA 13.0
DRIVER = "libcuda.so.1"  # comes with a device's driver alone: no stub may stand before it


def fail(*words):
    sys.exit("unpack_torch: " + " ".join(str(word) for word in words))


def said_by(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def download(folder):
    """The wheel, as pip gets it; the Python version is of no account for what is unpacked."""
    command = [sys.executable, "-m", "pip", "download", f"torch=={VERSION}", "--no-deps", "--dest", folder]
    command += ["--only-binary=:all:", "--python-version=3.12", "--platform=manylinux_2_28_x86_64"]
    if subprocess.run(command).returncode != 0:
        fail(f"pip cannot get torch=={VERSION}; --wheel takes a file that you have")
    return os.path.join(folder, os.listdir(folder)[0])


def unpack(wheel, folder):
    wanted = ("torch/include/", "torch/lib/", "torch/share/")
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist()
                 if name.startswith(wanted) and "torch_python" not in name]
        if "torch/lib/libtorch_cuda.so" not in names:
            fail(wheel, "holds no torch/lib/libtorch_cuda.so, so it is no LibTorch with CUDA")
        file.extractall(folder, names)


def symbols(library, which):
    """The names that a library defines or wants: {name without its version: its version or none}."""
    found = {}
    for line in said_by("nm", "-D", which, library).splitlines():
        kind, name = line.split()[-2:]
        if which == "--undefined-only" and kind != "U":  # weak: may be absent
            continue
        name, _, version = name.partition("@")
        found[name] = version.strip("@")
    return found


def needed(library):
    return re.findall(r"\(NEEDED\).*\[(.+)\]", said_by("readelf", "-dW", library))


def installed(toolkit):
    """Where the loader finds libraries by itself, and where the toolkit has some: {name: path}."""
    folder = os.path.join(toolkit, "lib64")
    beside = {name: os.path.join(folder, name) for name in os.listdir(folder)}
    lines = re.findall(r"\t(\S+) \(.*x86-64.*\) => (.+)", said_by("/sbin/ldconfig", "-p"))
    return dict(reversed(lines)), beside


def versions_of(libraries):
    """Which library a version of symbols belongs to: {version: name of the library}."""
    found = {}
    for library in libraries:
        of = None
        for line in said_by("readelf", "-VW", library).splitlines():
            if file := re.search(r"File: (\S+)", line):
                of = file[1]
            elif (name := re.search(r"Name: (\S+)", line)) and of:
                found[name[1]] = of
    return found


def write_stub(path, names):
    """A library whose functions, {name: version or none}, say that they are none."""
    by_version = {}
    for name, version in names.items():
        by_version.setdefault(version, []).append(name)
    with tempfile.TemporaryDirectory() as folder:
        source, script = os.path.join(folder, "stub.c"), os.path.join(folder, "versions")
        with open(source, "w") as file:
            print("#include <stdio.h>\n#include <stdlib.h>", file=file)
            for name in names:
                print(f'void {name}(void) {{ fputs("{name}: {os.path.basename(path)} is a stub\\n", stderr);'
                      " abort(); }", file=file)
        versions = [version for version in by_version if version]
        with open(script, "w") as file:
            for version in versions:
                print(version, "{ global:", "; ".join(by_version[version]) + "; };", file=file)
        command = ["cc", "-shared", "-fPIC", "-fno-builtin", f"-Wl,-soname,{os.path.basename(path)}"]
        if versions:
            command.append(f"-Wl,--version-script={script}")
        subprocess.run(command + [source, "-o", path], check=True)


def complete(folder, toolkit):
    """Gives LibTorch links to what the loader would not find, and stubs of what is not there."""
    own = {name: os.path.join(folder, name) for name in os.listdir(folder) if ".so" in name}
    found_by_loader, beside = installed(toolkit)
    wanted = sorted({name for path in own.values() for name in needed(path)} - own.keys() - {DRIVER})
    for name in wanted:
        if name not in found_by_loader and name in beside:
            os.symlink(beside[name], os.path.join(folder, name))
    found = {**beside, **found_by_loader}
    missing = [name for name in wanted if name not in found]
    if any(name.startswith("libcudart.") for name in missing):
        fail("the toolkit", toolkit, "is not of the CUDA that torch", VERSION, "was built with, 13.0")
    if not missing:
        return missing

    absent, defined = {}, set()
    for path in own.values():
        if DRIVER not in needed(path):
            absent.update(symbols(path, "--undefined-only"))
    for path in [*own.values(), *(found[name] for name in wanted if name in found)]:
        defined.update(symbols(path, "--defined-only"))
    library_of = versions_of(own.values())
    stubs = {name: {} for name in missing}
    for name, version in absent.items():
        if name in defined:
            continue
        stub = library_of.get(version)
        if stub not in stubs:  # without a version: of the library that is called most alike
            stub = max(missing, key=lambda one: len(os.path.commonprefix((one[3:], name))))
        stubs[stub][name] = version
    for name, functions in stubs.items():
        write_stub(os.path.join(folder, name), functions)
    return missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", help="where torch/ is made; it must not be there yet")
    parser.add_argument("--wheel", metavar="FILE", help=f"torch-{VERSION}-*.whl, instead of a download")
    parser.add_argument("--toolkit", metavar="FOLDER", help="of the CUDA toolkit")
    asked = parser.parse_args()
    if platform.machine() != "x86_64":
        fail("this machine is", platform.machine() + "; of x86_64 alone PyPI has a LibTorch with CUDA 13.0")
    torch = os.path.join(os.path.abspath(asked.folder), "torch")
    if os.path.exists(torch):
        fail(torch, "is there already; remove it to have it made anew")
    nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    toolkit = asked.toolkit or os.path.dirname(os.path.dirname(os.path.realpath(nvcc)))
    if not os.path.isdir(os.path.join(toolkit, "lib64")):
        fail("there is no CUDA toolkit at", toolkit + ", expected a folder with lib64; --toolkit names another")

    os.makedirs(asked.folder, exist_ok=True)
    # Renamed when it is whole, so that nothing half done looks like a LibTorch.
    with tempfile.TemporaryDirectory(dir=asked.folder) as half:
        unpack(asked.wheel or download(os.path.join(half, "wheel")), half)
        missing = complete(os.path.join(half, "torch", "lib"), toolkit)
        os.rename(os.path.join(half, "torch"), torch)
    print("stubs stand for", ", ".join(missing) if missing else "nothing")
    print(f"CMAKE_PREFIX_PATH={torch} cmake --workflow --preset cuda")


if __name__ == "__main__":
    main()
