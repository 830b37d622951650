#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Augmentation against albumentations: the same photo, the transform of the same meaning, both results, both times.

    python3 -m venv peers && peers/bin/pip install albumentations
    peers/bin/python benchmarks/peers/augmentation.py build/benchmarks/benchmarks/retinue_peer_augmentation

One thread each. Ends with an error where a result is further from albumentations' than the table of stages allows: how
far a channel is at most, and on average. Stages with no such numbers mean the same and compute otherwise, or draw
random numbers; of noise the deviation is compared. Times are the best of several runs.
"""
import os
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import subprocess
import sys
import tempfile
import time

import albumentations as A
import cv2
import numpy as np

MEAN = (104, 117, 123)


def best(work, rounds=8, least=0.05):
    work()
    best = float("inf")
    for _ in range(rounds):
        calls, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < least:
            work()
            calls += 1
        best = min(best, (time.perf_counter() - begin) / calls)
    return best


def stages():
    """Name, transform, what it is given, and how far apart results may be, at most and on average."""
    def colours(brightness, contrast):
        return A.RandomBrightnessContrast(brightness_limit=(brightness,) * 2, contrast_limit=(contrast,) * 2, p=1)

    resized = [(name, A.Resize(640, 640, interpolation=kernel, p=1), "square", bounds)
               for name, kernel, bounds in (("linear", cv2.INTER_LINEAR, (1, 0.5)), ("cubic", cv2.INTER_CUBIC, (2, 0.5)),
                                            ("area", cv2.INTER_AREA, (1, 0.5)), ("nearest", cv2.INTER_NEAREST, (0, 0)),
                                            ("lanczos", cv2.INTER_LANCZOS4, (2, 0.5)))]
    return [
        ("brightness", colours(0.05, 0), "photo", (1, 1)),
        ("contrast", colours(0, 0.2), "photo", (1, 1)),
        ("both", colours(0.05, 0.2), "photo", (2, 1.5)),
        ("saturation", A.HueSaturationValue((0, 0), (-20, -20), (0, 0), p=1), "photo", None),
        ("hue", A.HueSaturationValue((7, 7), (0, 0), (0, 0), p=1), "photo", None),
        ("colours", A.ColorJitter((1.05, 1.05), (1.2, 1.2), (0.8, 0.8), (0.04, 0.04), p=1), "photo", None),
        ("crop", A.Crop(100, 50, 714, 664, p=1), "photo", (0, 0)),
        ("mirror", A.HorizontalFlip(p=1), "photo", (0, 0)),
        ("pad", A.PadIfNeeded(1024, 1024, position="top_left", border_mode=cv2.BORDER_CONSTANT, fill=MEAN, p=1),
         "photo", (0, 0)),
        *resized,
        ("blur", A.GaussianBlur(blur_limit=0, sigma_limit=(1.5, 1.5), p=1), "photo", (4, 0.5)),
        ("noise", A.GaussNoise(std_range=(8 / 255, 8 / 255), p=1), "photo", None),
        ("jpeg", A.ImageCompression(quality_range=(60, 60), p=1), "photo", None),
        ("affine", A.Affine(rotate=(8, 8), scale=(1.1, 1.1), p=1), "photo", None),
        ("erase", A.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(0.2, 0.2), hole_width_range=(0.3, 0.3),
                                  fill=MEAN, p=1), "photo", None),
    ]


def planes(normalize, picture):
    return np.ascontiguousarray(normalize(image=picture)["image"].transpose(2, 0, 1))


def whole(normalize, photo, boxes, points):
    """RetinaFace's training pipeline: crop, colours, border, mirror, resize, mean."""
    compose = A.Compose(
        [A.RandomSizedBBoxSafeCrop(614, 614, p=0.8),
         A.ColorJitter((0.87, 1.13), (0.5, 1.5), (0.5, 1.5), (-0.1, 0.1), p=0.94),
         A.PadIfNeeded(1024, 1024, border_mode=cv2.BORDER_CONSTANT, fill=MEAN, p=1), A.HorizontalFlip(p=0.5),
         A.OneOf([A.Resize(640, 640, interpolation=k, p=1) for k in
                  (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_NEAREST, cv2.INTER_LANCZOS4)], p=1),
         normalize],
        bbox_params=A.BboxParams("pascal_voc", min_visibility=0.3, label_fields=["labels"]),
        keypoint_params=A.KeypointParams("xy", remove_invisible=False), seed=1)
    labels = [1] * len(boxes)
    def draw():
        made = compose(image=photo, bboxes=boxes, keypoints=points, labels=labels)
        np.ascontiguousarray(made["image"].transpose(2, 0, 1))
    return best(draw, least=1)


def main():
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run([sys.argv[1], folder], capture_output=True, text=True, check=True)
        ours = {name: float(seconds) for name, seconds in (line.split() for line in said.stdout.splitlines())}

        def picture(name, like):
            return np.fromfile(f"{folder}/{name}", np.uint8).reshape(like)

        given = {"photo": picture("photo", (768, 1024, 3)), "square": picture("square", (768, 768, 3))}
        small = picture("small", (640, 640, 3))
        boxes, points = (np.fromfile(f"{folder}/photo.{name}", np.float32).reshape(-1, width)
                         for name, width in (("boxes", 4), ("points", 2)))
        made = {name: np.fromfile(f"{folder}/{name}", np.uint8) for name, *_ in stages()}
        our_planes = np.fromfile(f"{folder}/planes", np.float32)

    print("stage        albumentations     retinue   ratio   apart: at most, mean")
    slower = []

    def row(name, took, apart=""):
        ratio = took / ours[name]
        print(f"{name:11}  {took * 1e3:11.3f} ms  {ours[name] * 1e3:7.3f} ms  {ratio:6.2f}   {apart}", flush=True)
        if ratio < 1:
            slower.append(name)

    for name, transform, of, bounds in stages():
        image = given[of]
        theirs = transform(image=image)["image"]
        took = best(lambda: transform(image=image))
        apart = np.abs(made[name].astype(int) - theirs.reshape(-1).astype(int)) if bounds or name == "noise" else None
        if bounds and (apart.max() > bounds[0] or apart.mean() > bounds[1]):
            sys.exit(f"{name}: {apart.max()} apart at most and {apart.mean():.3f} on average, "
                     f"expected {bounds[0]} and {bounds[1]}")
        if name == "noise":
            grey = (image > 40) & (image < 215)
            ours_by, theirs_by = (np.std((x.reshape(image.shape).astype(int) - image)[grey]) for x in (made[name], theirs))
            if abs(ours_by - theirs_by) > 0.1 * theirs_by:
                sys.exit(f"noise: the deviations are {ours_by:.2f} and {theirs_by:.2f}")
        row(name, took, f"{apart.max()}, {apart.mean():.3f}" if bounds else "")

    normalize = A.Normalize(mean=[m / 255 for m in MEAN], std=(1 / 255,) * 3, max_pixel_value=255, p=1)
    apart = np.abs(our_planes - planes(normalize, small).reshape(-1))
    if apart.max() > 1e-3:
        sys.exit(f"planes: {apart.max()} apart, expected 0.001")
    row("planes", best(lambda: planes(normalize, small)), f"{apart.max():.1g}, {apart.mean():.1g}")
    row("whole", whole(normalize, given["photo"], boxes, points))
    mosaic = A.Compose([A.Mosaic(grid_yx=(2, 2), target_size=(1280, 1280), cell_shape=(1280, 1280), metadata_key="more",
                                 p=1)])
    more = [{"image": given["photo"]}] * 3
    row("mosaic", best(lambda: mosaic(image=given["photo"], more=more)))
    print("slower: " + ", ".join(slower) if slower else "none is slower")


if __name__ == "__main__":
    main()
