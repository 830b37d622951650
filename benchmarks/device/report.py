#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a CUDA device takes for the programs, beside Python's torch and torchvision, as tables of Markdown.

    benchmarks/device/report.py build/cuda/tests/cuda             # device_programs and device_network
    benchmarks/device/report.py --rehearse build/cuda/tests/cuda  # a little of it on the processor

Wants a Python with torch; without torchvision its suppression is left out. Times are medians, by the
device's clock. The loss that is written here is that of seeds 000 to 003, eagerly and compiled; where its
total is not that of the programs, over the same outputs and truths, it says so, and leaves it out. (On a
processor torch 2.11's compiler finds other best anchors than torch itself.)
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from torch.nn import functional


def lines_of(program, *more):
    if not program.is_file():
        sys.exit(f"{program}: no such program; `cmake --workflow --preset cuda` builds it into build/cuda/tests/cuda")
    done = subprocess.run([program, "--json", *more], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program}: {done.stderr.strip() or done.returncode}")
    if done.stdout.startswith("skipped"):
        sys.exit(f"{program}: {done.stdout.strip()}; --rehearse shows that all of it works")
    return [json.loads(line) for line in done.stdout.splitlines()]


class Clock:
    """Microseconds of a call: of ten that follow each other on a device, of one on the processor."""

    def __init__(self, device):
        self.cuda = device.type == "cuda"

    def __call__(self, work):
        for _ in range(3):
            work()
        return statistics.median(self.round(work) for _ in range(21 if self.cuda else 3))

    def round(self, work):
        if not self.cuda:
            begin = time.perf_counter()
            work()
            return 1e6 * (time.perf_counter() - begin)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(10):
            work()
        end.record()
        end.synchronize()
        return 1000 * begin.elapsed_time(end) / 10


def match(truths, anchors):
    """Of one image: what each anchor should say. A truth is a box and five points."""
    corners = torch.cat([anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2], 1)
    boxes = truths[:, :4]
    common = (torch.minimum(boxes[:, None, 2:], corners[None, :, 2:]) -
              torch.maximum(boxes[:, None, :2], corners[None, :, :2])).clamp(min=0).prod(2)
    area = lambda b: (b[:, 2:] - b[:, :2]).prod(1)
    overlaps = common / (area(boxes)[:, None] + area(corners)[None] - common)
    own_overlap, own_anchor = overlaps.max(1)
    overlap, truth = overlaps.max(0)
    overlap = overlap.index_fill(0, own_anchor[own_overlap >= 0.2], 2.0)
    for t in range(len(truths)):
        truth[own_anchor[t]] = t
    own = truths[truth]
    centre, side = anchors[:, :2], anchors[:, 2:]
    offsets = torch.cat([((own[:, :2] + own[:, 2:4]) / 2 - centre) / (side * 0.1),
                         ((own[:, 2:4] - own[:, :2]) / side).log() / 0.2], 1)
    points = ((own[:, 4:].view(-1, 5, 2) - centre[:, None]) / (side[:, None] * 0.1)).flatten(1)
    return offsets, (overlap >= 0.35).long(), points


def loss(scores, boxes, points, wanted):
    """Smooth L1 of what is positive, cross entropy of it and of seven times as many negatives."""
    offsets, labels, marks = wanted
    positive = labels > 0
    count = positive.sum().clamp(min=1)
    of_points = functional.smooth_l1_loss(points[positive], marks[positive], reduction="sum")
    of_boxes = functional.smooth_l1_loss(boxes[positive], offsets[positive], reduction="sum")
    cost = functional.cross_entropy(scores.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape)
    rank = cost.detach().masked_fill(positive, 0).sort(1, descending=True)[1].sort(1)[1]
    mined = rank < (7 * positive.sum(1, keepdim=True)).clamp(max=labels.shape[1] - 1)
    of_labels = cost[positive | mined].sum()
    return (2 * of_boxes + of_labels + of_points) / count


def loss_without_choices(scores, boxes, points, truths, anchors):
    """The same of all images at once, and without lists whose length depends on data, for a compiler's sake."""
    corners = torch.cat([anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2], 1)
    common = (torch.minimum(truths[:, :, None, 2:4], corners[None, None, :, 2:]) -
              torch.maximum(truths[:, :, None, :2], corners[None, None, :, :2])).clamp(min=0).prod(3)
    area = lambda b: (b[..., 2:4] - b[..., :2]).prod(-1)
    overlaps = common / (area(truths)[:, :, None] + area(corners)[None, None] - common)
    own_overlap, own_anchor = overlaps.max(2)
    overlap, truth = overlaps.max(1)
    row = torch.arange(len(anchors), device=anchors.device)
    positive = overlap >= 0.35
    for t in range(truths.shape[1]):
        best = row[None] == own_anchor[:, t, None]
        positive = positive | (best & (own_overlap[:, t, None] >= 0.2))
        truth = torch.where(best, t, truth)
    own = truths.gather(1, truth[:, :, None].expand(-1, -1, truths.shape[2]))
    centre, side = anchors[:, :2], anchors[:, 2:]
    offsets = torch.cat([((own[..., :2] + own[..., 2:4]) / 2 - centre) / (side * 0.1),
                         ((own[..., 2:4] - own[..., :2]) / side).log() / 0.2], 2)
    marks = ((own[..., 4:].unflatten(2, (5, 2)) - centre[:, None]) / (side[:, None] * 0.1)).flatten(2)

    count = positive.sum().clamp(min=1)
    of = lambda said, want: (functional.smooth_l1_loss(said, want, reduction="none") * positive[..., None]).sum()
    picked = torch.where(positive, scores[..., 1], scores[..., 0])
    cost = scores.logsumexp(2) - picked
    rank = cost.detach().masked_fill(positive, 0).sort(1, descending=True)[1].sort(1)[1]
    mined = rank < (7 * positive.sum(1, keepdim=True)).clamp(max=len(anchors) - 1)
    of_labels = (cost * (positive | mined)).sum()
    return (2 * of(boxes, offsets) + of_labels + of(points, marks)) / count


def peers_of_loss(folder, device, clock):
    def floats(name, *shape):
        return torch.from_file(str(folder / name), size=(folder / name).stat().st_size // 4).view(*shape).to(device)

    anchors = floats("anchors", -1, 4)
    rows = len(anchors)
    scores, boxes, points = (floats(name, -1, rows, width).requires_grad_()
                             for name, width in (("scores", 2), ("boxes", 4), ("points", 10)))
    truths = floats("truths", len(scores), -1, 14)
    ours = floats("total", 1).item()

    def eager():
        wanted = [torch.stack(part) for part in zip(*(match(t, anchors) for t in truths))]
        return loss(scores, boxes, points, wanted)

    def both_ways(of):
        total = of()
        torch.autograd.grad(total, (scores, boxes, points))
        return total

    def time_of(name, of):
        theirs = both_ways(of).item()
        if abs(ours - theirs) > 1e-4 * abs(theirs):
            print(f"{name} is left out: its loss is {theirs}, that of the programs {ours}", file=sys.stderr)
            return
        found[name] = clock(lambda: both_ways(of))

    found = {}
    time_of("PyTorch, eager", eager)
    time_of("PyTorch, eager, all images at once",
            lambda: loss_without_choices(scores, boxes, points, truths, anchors))
    compiled = torch.compile(loss_without_choices)
    try:
        compiled(scores, boxes, points, truths, anchors)
    except Exception as error:  # there is no compiler for it, say
        print(f"torch.compile: {str(error).splitlines()[0]}", file=sys.stderr)
        return found
    time_of("PyTorch, compiled, all images at once", lambda: compiled(scores, boxes, points, truths, anchors))
    return found


def peers_of_suppression(count, device, clock):
    try:
        from torchvision.ops import nms
    except ImportError:
        print("there is no torchvision", file=sys.stderr)
        return {}
    torch.manual_seed(3)
    corner = 2000 * torch.rand(count, 2, device=device)
    boxes = torch.cat([corner, corner + 10 + 90 * torch.rand(count, 1, device=device)], 1)
    scores = torch.linspace(1, 0, count, device=device)
    return {"torchvision": clock(lambda: nms(boxes, scores, 0.4))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder that device_programs and device_network are in")
    parser.add_argument("--rehearse", action="store_true", help="on the processor; says nothing of speed")
    options = parser.parse_args()
    device = torch.device("cpu" if options.rehearse else "cuda")
    more = ["--rehearse"] if options.rehearse else []
    clock = Clock(device)
    with tempfile.TemporaryDirectory() as folder:
        programs = lines_of(options.programs / "device_programs", *more)
        network = lines_of(options.programs / "device_network", *more, "--write", folder)
        loss_peers = peers_of_loss(pathlib.Path(folder), device, clock)
    suppression = next(line for line in programs if line["case"].startswith("suppression"))
    suppression_peers = peers_of_suppression(int(suppression["case"].split()[2]), device, clock)

    name = "a rehearsal on the processor" if options.rehearse else torch.cuda.get_device_name()
    print(f"Of {name}, LibTorch {torch.__version__}.\n\n| program | us | GB/s | of a copy |\n|---|---|---|---|")
    for line in programs:
        rate = f"{line['GB/s']:.0f} | {line['of a copy']:.0%}" if "GB/s" in line else "|"
        print(f"| {line['case']} | {line['us']:.1f} | {rate} |")
    print("\n| with LibTorch | us | images/s |\n|---|---|---|")
    for line in network:
        print(f"| {line['case']} | {line['us']:.1f} | {line['images/s']:.0f} |")
    print("\n| beside | us | of ours |\n|---|---|---|")
    ours = next(line for line in network if line["case"].endswith(": programs"))
    for us, peers, what in (ours["us"], loss_peers, "matching and loss both ways"), \
            (suppression["us"], suppression_peers, "suppression"):
        for peer, theirs in peers.items():
            print(f"| {what}: {peer} | {theirs:.1f} | {theirs / us:.1f} times |")


if __name__ == "__main__":
    main()
