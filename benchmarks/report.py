# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks of two builds, and writes what they found into a table of a page.

    benchmarks/report.py PLAIN NATIVE docs/performance.md

PLAIN and NATIVE are programs retinue_benchmarks: compiled for any processor of this kind, and with
RETINUE_NATIVE. Both run by turns, case by case, so that a busy minute falls upon both. The table
stands between its first line and the next empty one; what its last column says of a case stays, and
so do the rows whose cases the programs do not have. `--only REGEX` runs the cases that match alone,
and leaves the other rows as they are: a report can be made in pieces.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile

HEAD = "| case | any processor | this processor | others, times as long | what limits it now |"


def run(program, case):
    """The best time of each variant of a case, in seconds."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        # Python's own escape takes spaces for signs, which the program does not.
        exact = re.sub(r"([.()\[\]*+?{}|^$\\])", r"\\\1", case)
        subprocess.run([program, f"--benchmark_filter=^{exact} \\|",
                        "--benchmark_out_format=json", "--benchmark_out=" + out.name],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        runs = json.load(open(out.name))["benchmarks"]
    scale = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
    best = {}
    for each in runs:
        if each["run_type"] != "iteration":
            continue
        name, _, how = each["run_name"].split(" | ")[1].partition("/")
        wall = how.startswith("real_time")
        seconds = each["real_time" if wall else "cpu_time"] * scale[each["time_unit"]]
        best[name] = min(best.get(name, seconds), seconds)
    return best


def cases(program):
    """All that are compared with something, in their order."""
    listed = subprocess.run([program, "--benchmark_list_tests"], capture_output=True, text=True,
                            check=True).stdout.splitlines()
    names = [line.split(" | ")[0] for line in listed if re.search(r" \| retinue(/|$)", line)]
    return list(dict.fromkeys(names))


def in_words(seconds):
    for unit, size in ("us", 1e-6), ("ms", 1e-3):
        if seconds < 1000 * size or unit == "ms":
            number = seconds / size
            return f"{number:.2g} {unit}" if number < 99.5 else f"{number:.0f} {unit}"


def ratio(seconds):
    return f"{seconds:.2g}" if seconds < 99.5 else f"{seconds:.0f}"


def row_of(case, plain, native):
    """The row without its last column: of other variants how many times ours they take, in both builds."""
    others = "; ".join(f"{name} {ratio(plain[name] / plain['retinue'])}, "
                       f"{ratio(native[name] / native['retinue'])}" for name in plain if name != "retinue")
    return f"| {case} | {in_words(plain['retinue'])} | {in_words(native['retinue'])} | {others} |"


def write(file, case, row):
    """Puts the row of a case into the page's table, in the place of the one that is there."""
    page = open(file).read()
    if HEAD not in page:
        sys.exit(f"{file}: there is no table that begins with {HEAD}")
    begin = page.index(HEAD)
    end = page.index("\n\n", begin)
    rows = {line.split(" | ")[0][2:]: line for line in page[begin:end].splitlines()[2:]}
    limit = rows[case].split(" | ")[-1].removesuffix("|").strip() if case in rows else ""
    rows[case] = f"{row} {limit} |" if limit else f"{row} |"
    table = "\n".join([HEAD, "|---|---|---|---|---|", *rows.values()])
    with open(file, "w") as out:
        out.write(page[:begin] + table + page[end:])


def main():
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("plain")
    reader.add_argument("native")
    reader.add_argument("page")
    reader.add_argument("--only", default="", help="a regular expression of cases")
    asked = reader.parse_args()
    known = set(cases(asked.native))
    for case in cases(asked.plain):
        if case in known and re.search(asked.only, case):
            print(case, flush=True)
            write(asked.page, case,
                  row_of(case, run(asked.plain, case), run(asked.native, case)))


main()
