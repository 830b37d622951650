#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Matching against MMDetection's assigners: the same anchors, truths and predictions, both verdicts, both times.

    python3 -m venv --system-site-packages peers      # with torch, Debian's python3-torch for one
    peers/bin/pip install --no-deps mmdet mmengine "mmcv-lite<2.2"
    peers/bin/pip install "numpy<2" "opencv-python-headless<4.12" addict termcolor rich yapf terminaltables \
        packaging pillow pycocotools scipy shapely tqdm matplotlib
    peers/bin/python benchmarks/peers/matchers.py build/benchmarks/benchmarks/retinue_peer_matchers

One thread each. Ends with an error where a verdict differs. Times are the least of several runs.
"""
import importlib
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import time
import types

import numpy as np
import torch


class Absent(types.ModuleType):
    """Compiled operators that mmcv-lite has not; no assigner calls them."""
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def assigners():
    """MMDetection's, without the rest of its models, which want those operators."""
    for name in ("mmcv._ext", "mmcv.ops", "mmcv.ops.nms", "mmcv.ops.roi_align"):
        sys.modules[name] = Absent(name)
    root = pathlib.Path(importlib.util.find_spec("mmdet").origin).parent
    for name in ("mmdet.models", "mmdet.models.utils", "mmdet.models.task_modules",
                 "mmdet.models.task_modules.assigners"):
        bare = sys.modules[name] = types.ModuleType(name)
        bare.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    of = lambda name: importlib.import_module("mmdet.models.task_modules.assigners." + name)
    of("iou2d_calculator")  # which they look up by name
    return (of("max_iou_assigner").MaxIoUAssigner, of("atss_assigner").ATSSAssigner,
            of("sim_ota_assigner").SimOTAAssigner, of("task_aligned_assigner").TaskAlignedAssigner)


def best_of(rounds, work):
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        said = work()
        best = min(best, time.perf_counter() - begin)
    return best, said.gt_inds.numpy()


def main():
    torch.set_num_threads(1)
    max_iou, atss, sim_ota, task_aligned = assigners()
    from mmengine.structures import InstanceData

    print("truths  matcher        anchors   mmdet       retinue     ratio")
    for count in (8, 32, 128):
        with tempfile.TemporaryDirectory() as folder:
            def floats(name, width):
                return torch.from_numpy(np.fromfile(f"{folder}/{name}", np.float32).reshape(-1, width))

            def whole(name):
                return np.fromfile(f"{folder}/{name}", np.int32)

            said = subprocess.run([sys.argv[1], str(count), folder], capture_output=True, text=True, check=True)
            ours = {name: float(seconds) for name, seconds in (line.split() for line in said.stdout.splitlines())}
            truths = InstanceData(bboxes=floats("truths", 4), labels=torch.from_numpy(whole("labels")).long())
            points = floats("points", 3)
            predicted = InstanceData(bboxes=floats("said", 4), scores=floats("scores", 80),
                                     priors=torch.cat([points, points[:, 2:]], 1))
            # What is aligned lies in a truth, and an anchor is its centre.
            centred = InstanceData(bboxes=predicted.bboxes, scores=predicted.scores,
                                   priors=torch.cat([points[:, :2] - points[:, 2:] / 2,
                                                     points[:, :2] + points[:, 2:] / 2], 1))
            by = lambda name: InstanceData(priors=floats(name + ".anchors", 4))
            overlap = max_iou(pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0, ignore_iof_thr=-1)
            levels = whole("atss.levels").tolist()
            runs = {
                "overlap": lambda: overlap.assign(by("overlap"), truths),
                "atss": lambda: atss(topk=9).assign(by("atss"), levels, truths),
                "sim_ota": lambda: sim_ota().assign(predicted, truths),
                "task_aligned": lambda: task_aligned(topk=13).assign(centred, truths),
            }
            for name, run in runs.items():
                took, theirs = best_of(10, run)
                verdicts = whole(name + ".truth")
                if differ := np.count_nonzero(verdicts != theirs):
                    sys.exit(f"{name}, {count} truths: {differ} of {len(theirs)} anchors are matched otherwise")
                print(f"{count:6}  {name:13}  {len(theirs):7}  {took * 1e3:7.2f} ms  {ours[name] * 1e6:8.1f} us"
                      f"  {took / ours[name]:6.0f}", flush=True)


if __name__ == "__main__":
    main()
