# SPDX-License-Identifier: Apache-2.0
"""retinue for Conan 2:  conan create cmake/ports/conan -s compiler.cppstd=20 [-o "retinue/*:with_eigen=True" ...]"""
import pathlib
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy

LIBRARIES = {"eigen": "eigen/3.4.0", "json": "nlohmann_json/3.11.3", "xml": "pugixml/1.14",
             "zlib": "zlib/[>=1.2.11 <2]"}


class Retinue(ConanFile):
    name = "retinue"
    description = "Generic C++20 templates for anchor-based detectors"
    license = "Apache-2.0"
    topics = ("object-detection", "face-detection", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {f"with_{room}": [True, False] for room in LIBRARIES}
    default_options = {f"with_{room}": False for room in LIBRARIES}

    def _sources(self):
        return pathlib.Path(self.recipe_folder).parents[2]

    def set_version(self):
        text = (self._sources() / "CMakeLists.txt").read_text()
        self.version = re.search(r"VERSION (\d+\.\d+\.\d+)", text)[1]

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "include/*", "cmake/*"):
            copy(self, pattern, str(self._sources()), self.export_sources_folder)

    def requirements(self):
        for room, reference in LIBRARIES.items():
            if self.options.get_safe(f"with_{room}"):
                self.requires(reference, transitive_headers=True, transitive_libs=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["RETINUE_BUILD_TESTS"] = False
        toolchain.cache_variables["RETINUE_BUILD_EXAMPLES"] = False
        for room in ("eigen", "json", "xml", "zlib", "opencv", "torch", "gloo", "cuda", "nccl",
                     "dnn", "onnxruntime", "openvino"):  # the last three have no option yet
            wanted = bool(self.options.get_safe(f"with_{room}", False))
            toolchain.cache_variables[f"RETINUE_WITH_{room.upper()}"] = wanted
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, str(pathlib.Path(self.package_folder) / "licenses"))

    def package_info(self):
        # Users find the package that CMake installed, with its components, not one that Conan makes up.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["share/cmake/retinue"]
        self.cpp_info.bindirs = self.cpp_info.libdirs = []

    def package_id(self):
        self.info.settings.clear()
