#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Weighted box fusion against the package ensemble-boxes: the same boxes, both results, both times.

    python3 -m venv peers && peers/bin/pip install ensemble-boxes
    peers/bin/python benchmarks/peers/fusion.py build/benchmarks/benchmarks/retinue_peer_fusion

Ends with an error where the two do not agree to 1e-6. Times are the best of several runs.
"""
import subprocess
import sys
import time

import numpy as np
from ensemble_boxes import weighted_boxes_fusion


def drawn(random, objects, sources):
    """What so many networks say of so many objects: boxes as shares of the picture."""
    corner = 0.9 * random.random((objects, 2))
    far = corner + 0.02 + 0.08 * random.random((objects, 2))
    labels = random.integers(1, 4, objects)
    said = []
    for _ in range(sources):
        boxes = np.hstack([corner, far]) + 0.004 * random.normal(size=(objects, 4))
        scores = 0.05 + 0.9 * random.random(objects)
        said.append((np.clip(boxes, 0, 1).astype(np.float32), scores.astype(np.float32), labels))
    return said


def ours(program, said):
    lines = [f"{len(said)} {sum(len(scores) for _, scores, _ in said)}"]
    for source, (boxes, scores, labels) in enumerate(said):
        for box, score, label in zip(boxes, scores, labels):
            numbers = " ".join(repr(float(x)) for x in [*box, score])
            lines.append(f"{numbers} {label} {source}")
    out = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
    first, *rows = out.stdout.splitlines()
    return float(first), np.array([[float(x) for x in row.split()] for row in rows])


def theirs(said):
    boxes, scores, labels = ([part.astype(float).tolist() for part in parts] for parts in zip(*said))
    best = float("inf")
    for _ in range(6):  # the first compiles
        begin = time.perf_counter()
        found = weighted_boxes_fusion(boxes, scores, labels, iou_thr=0.55, skip_box_thr=0.0)
        best = min(best, time.perf_counter() - begin)
    return best, np.column_stack(found)


def main():
    random = np.random.default_rng(1)
    print("boxes  sources  groups  ensemble-boxes  retinue     ratio")
    for objects, sources in ((30, 2), (100, 3), (300, 5), (1000, 3)):
        said = drawn(random, objects, sources)
        time_of_ours, a = ours(sys.argv[1], said)
        time_of_theirs, b = theirs(said)
        if len(a) != len(b):
            sys.exit(f"retinue makes {len(a)} groups, ensemble-boxes {len(b)}")
        a, b = a[np.lexsort(a.T)], b[np.lexsort(b.T)]
        if np.abs(a - b).max() > 1e-6:
            sys.exit(f"the groups differ by {np.abs(a - b).max():.2g}")
        print(f"{objects * sources:5}  {sources:7}  {len(a):6}  {time_of_theirs * 1e3:11.2f} ms"
              f"  {time_of_ours * 1e6:7.1f} us  {time_of_theirs / time_of_ours:5.0f}")


if __name__ == "__main__":
    main()
