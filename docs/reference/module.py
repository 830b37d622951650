#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The module `retinue`, of the names that the core's headers have: module.py REPOSITORY [--check].

Writes include/retinue/retinue.cppm; with --check it only says whether that is up to date.
"""
import pathlib
import re
import sys

from filter import SCOPES, bare, name_of, without_arguments, without_template

HEAD = """// SPDX-License-Identifier: Apache-2.0
// The module `retinue`: all that needs only the standard library. Written by
// docs/reference/module.py; macros (RETINUE_VERSION_MAJOR, ...) come from <retinue/compiler.hpp>.
module;

"""


def core_headers(repository):
    text = (repository / "cmake/RetinueHeaders.cmake").read_text()
    listed = re.search(r"retinue_headers\(\s+retinue\s(.*?)\)", text, re.S)[1].split()
    return listed


def names_in(lines):
    """(namespace, name) of all that is declared at the scope of a namespace, but for detail."""
    scopes, start, pending = [], None, ""
    for line in lines:
        text = line.strip()
        if start is None and (not text or text.startswith(("//", "#"))):
            continue
        if text.startswith(("//", "#")) or text.endswith("\\"):
            continue
        start, code = True, bare(line)
        pending += " " + code.strip()
        if pending.count("(") != pending.count(")") or not (
                re.search(r"[{}]", code) or code.rstrip().endswith(";")):
            continue
        without = without_template(pending)
        opened = SCOPES.match(without)
        spaces = [name for kind, name in scopes if kind == "namespace"]
        if all(kind == "namespace" for kind, _ in scopes) and scopes and not re.match(
                r"(inline )?namespace\b|static_assert|using namespace|friend|\}", without):
            concept = re.match(r"concept (\w+)", without)
            type = re.match(r"(?:enum class|enum|struct|class|union)\s+(?:\[\[.*?\]\]\s*)?(\w+)\s*(<?)",
                            without)
            if concept:
                yield "::".join(spaces), concept[1]
            elif type and opened:
                if not type[2]:  # specializations come with their template
                    yield "::".join(spaces), type[1]
            elif not (type and pending.rstrip().endswith(";") and "{" not in pending):
                name = name_of(pending)
                if name and name != "requires" and not name.startswith("operator"):
                    yield "::".join(spaces), name
        spelled = re.match(r"(?:inline )?namespace ([\w:]*)", without)
        for letter in pending:
            if letter == "{":
                kind = "namespace" if spelled else "other"
                scopes.append((kind, spelled[1] if spelled else ""))
                spelled = None
            elif letter == "}" and scopes:
                scopes.pop()
        start, pending = None, ""


def module_of(repository):
    found, headers = {}, core_headers(repository)
    for header in headers:
        lines = (repository / "include/retinue" / header).read_text().splitlines()
        for space, name in names_in(lines):
            parts = space.split("::")
            if "detail" not in parts and parts[0] == "retinue":
                found.setdefault(space, set()).add(name)
    text = HEAD + "".join(f"#include <retinue/{header}>\n" for header in headers)
    text += "\nexport module retinue;\n"
    for space in sorted(found):
        text += f"\nexport namespace {space} {{\n"
        text += "".join(f"using {space}::{name};\n" for name in sorted(found[space]))
        text += f"}}  // namespace {space}\n"
    return text


def main():
    repository = pathlib.Path(sys.argv[1])
    file = repository / "include/retinue/retinue.cppm"
    text = module_of(repository)
    if "--check" not in sys.argv:
        file.write_text(text)
    elif file.read_text() != text:
        sys.exit(f"{file} is not of the headers as they are: run docs/reference/module.py {repository}")


if __name__ == "__main__":
    main()
