# SPDX-License-Identifier: Apache-2.0
"""Runs our ONNX files in ONNX Runtime and OpenVINO, and has their detections compared with ours.

    tests/runtimes.py build/release/tests/onnx_export_test

Needs RETINUE_SHARED_DIR, numpy, and either runtime, from PyPI.
"""
import os
import subprocess
import sys
import tempfile


def onnx_runtime(file):
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(None, {"images": images})))


def openvino(file):
    import openvino

    # Where the processor has bfloat16, OpenVINO takes that unless it is told not to.
    network = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: {o.any_name: network(images)[o] for o in network.outputs}


def main(program):
    try:
        import numpy
    except ImportError:
        print("skipped: Python has no numpy")
        return
    if not os.path.isdir(os.path.join(os.environ.get("RETINUE_SHARED_DIR", ""), "golden")):
        print("skipped: RETINUE_SHARED_DIR does not name the shared data folder")
        return
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, RETINUE_ONNX_DIR=folder)
        subprocess.run([program, "[.write]"], env=environment, check=True)
        height, width = map(int, open(os.path.join(folder, "shape.txt")).read().split())
        images = numpy.fromfile(os.path.join(folder, "images.f32"), numpy.float32)
        images = images.reshape(1, 3, height, width)
        for name, load in ("onnx_runtime", onnx_runtime), ("openvino", openvino):
            for file in "any_size", "one_size":
                try:
                    run = load(os.path.join(folder, file + ".onnx"))
                except ImportError as missing:
                    print(missing)
                    break
                said = run(images)
                twice = run(numpy.concatenate([images, images]))
                for part, values in said.items():
                    values.tofile(os.path.join(folder, f"{name}.{part}"))
                    # A batch says of each picture what the picture alone does.
                    assert abs(twice[part] - values).max() < 1e-4, (name, file, part)
                environment["RETINUE_ONNX_RUNTIME"] = name
                subprocess.run([program, "[.read]"], env=environment, check=True)
                print(name, file, "finds the same")
                done += 1
    if done == 0:
        print("skipped: Python has neither onnxruntime nor openvino")


main(sys.argv[1])
