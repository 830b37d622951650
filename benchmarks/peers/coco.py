#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""COCO's evaluation against pycocotools and faster-coco-eval: the same files, the twelve figures, the times.

    python3 -m venv peers && peers/bin/pip install pycocotools faster-coco-eval
    peers/bin/python benchmarks/peers/coco.py build/benchmarks/benchmarks/retinue_peer_coco [IMAGES]

Truths and results are drawn: seven objects an image of 80 classes, most of them found, and what is found besides.
Ends with an error where figures differ by more than 1e-9. Times are of evaluating, files read already; the least of
five, of pycocotools the only one.
"""
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np


def drawn(random, images):
    """(truth, results) as COCO writes them."""
    annotations, results = [], []
    for image in range(1, images + 1):
        for _ in range(random.poisson(7)):
            side = np.exp(random.uniform(np.log(8), np.log(300), 2))
            corner = random.uniform(0, 640 - side)
            category = int(random.integers(1, 81))
            annotations.append({"id": len(annotations) + 1, "image_id": image, "category_id": category,
                                "bbox": [*corner, *side], "area": float(0.7 * side.prod()),
                                "iscrowd": int(random.random() < 0.01)})
            for _ in range(random.integers(0, 5)):
                moved = np.concatenate([corner + side * random.normal(0, 0.1, 2),
                                        side * np.exp(random.normal(0, 0.1, 2))])
                seen_as = category if random.random() < 0.9 else int(random.integers(1, 81))
                results.append({"image_id": image, "category_id": seen_as, "bbox": moved.tolist(),
                                "score": float(random.random())})
        for _ in range(40):
            side = np.exp(random.uniform(np.log(8), np.log(300), 2))
            results.append({"image_id": image, "category_id": int(random.integers(1, 81)),
                            "bbox": [*random.uniform(0, 640 - side), *side],
                            "score": float(random.random() ** 3)})
    truth = {"images": [{"id": i, "width": 640, "height": 640, "file_name": f"{i}.jpg"}
                        for i in range(1, images + 1)],
             "annotations": annotations, "categories": [{"id": i, "name": str(i)} for i in range(1, 81)]}
    return truth, results


def theirs(truth, results, COCO, COCOeval, rounds):
    best = float("inf")
    with contextlib.redirect_stdout(io.StringIO()):
        opened = time.perf_counter()
        known = COCO(str(truth))
        found = known.loadRes(str(results))
        reading = time.perf_counter() - opened
        for _ in range(rounds):
            begin = time.perf_counter()
            run = COCOeval(known, found, "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()
            best = min(best, time.perf_counter() - begin)
    return best, reading, np.array(run.stats[:12])


def main():
    from faster_coco_eval import COCO as FasterCOCO, COCOeval_faster
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, name) for name in ("truth.json", "results.json")]
        made = drawn(np.random.default_rng(1), images)
        for file, content in zip(files, made):
            file.write_text(json.dumps(content))
        said = subprocess.run([sys.argv[1], *map(str, files)], capture_output=True, text=True, check=True)
        ours, our_reading, *figures = map(float, said.stdout.split())
        peers = {"pycocotools": theirs(*files, COCO, COCOeval, 1),
                 "faster-coco-eval": theirs(*files, FasterCOCO, COCOeval_faster, 5)}
    print(f"{images} images, {len(made[0]['annotations'])} truths, {len(made[1])} results: AP {figures[0]:.4f}")
    print("                    evaluating      ratio     reading")
    print(f"retinue           {ours:9.3f} s            {our_reading:9.3f} s")
    for name, (best, reading, stats) in peers.items():
        if np.abs(stats - figures).max() > 1e-9:
            sys.exit(f"{name} says {stats}, retinue {figures}")
        print(f"{name:16}  {best:9.3f} s  {best / ours:7.1f}  {reading:9.3f} s")


if __name__ == "__main__":
    main()
