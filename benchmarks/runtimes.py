# SPDX-License-Identifier: Apache-2.0
"""Times our folded network beside other runtimes: each in turn, round after round, in one run.

    benchmarks/runtimes.py build/benchmarks/benchmarks/runtimes [ROUNDS, default 100]

A machine that others use slows whoever runs at that moment, so the best of all rounds is what
counts; the median stands beside it. ONNX Runtime and OpenVINO take part where Python has them.
OpenVINO takes bfloat16 where the processor has it, unless told not to: it is timed in both.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time


def timed(work):
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def others(file, threads):
    import numpy

    images = (numpy.random.randn(1, 3, 640, 640) * 60).astype(numpy.float32)
    runs = {}
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        name = "ONNX Runtime " + onnxruntime.__version__
        runs[name] = lambda: timed(lambda: session.run(None, {"images": images}))
    except ImportError as missing:
        print(missing)
    try:
        import openvino

        version = openvino.__version__.split("-")[0]
        for precision in "f32", "bf16":
            network = openvino.Core().compile_model(file, "CPU", {
                "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision,
                "PERFORMANCE_HINT": "LATENCY"})
            runs[f"OpenVINO {version}, {precision}"] = (
                lambda network=network: timed(lambda: network(images)))
    except ImportError as missing:
        print(missing)
    return runs


def compare(program, threads, rounds):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "network.onnx")
        ours = subprocess.Popen([program, file, str(threads)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        assert ours.stdout.readline() == "ready\n"

        def ask(which):
            ours.stdin.write(which + "\n")
            ours.stdin.flush()
            return float(ours.stdout.readline())

        runs = {"retinue, folded": lambda: ask("ours"), "OpenCV DNN": lambda: ask("opencv")}
        runs.update(others(file, threads))
        times = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                run()  # warm: the caches are its own
                times[name].append(run())
        ours.stdin.close()
        ours.wait()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{threads} thread{'' if threads == 1 else 's'}, {rounds} rounds, load {load}")
    for name, all_of_it in sorted(times.items(), key=lambda item: min(item[1])):
        print(f"  {name:32} best {min(all_of_it):6.1f} ms   median "
              f"{statistics.median(all_of_it):6.1f} ms")


for count in 1, 2:
    compare(sys.argv[1], count, int(sys.argv[2]) if len(sys.argv) > 2 else 100)
