#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our reader of checkpoints beside Python's torch, where that is installed:

    tests/torch_reads.py build/release/tests/told_weights [ROUNDS]

torch.save writes checkpoints of drawn tensors, in both of its forms: of all types, strided, sharing a
storage, empty, within other dictionaries. Both readers must say the same of them. Then bytes of them are
damaged: where ours reads such a file and torch.load (weights_only) does, too, tensors must be the same.
"""
import collections
import json
import random
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

try:
    import torch
except (ImportError, OSError) as missing:
    print(f"skipped: Python has no torch: {missing}")
    sys.exit(0)

TYPES = {torch.bool: "boolean", torch.uint8: "u8", torch.int8: "i8", torch.int16: "i16", torch.int32: "i32",
         torch.int64: "i64", torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32", torch.float64: "f64"}


def drawn_tensor(dice):
    kind = dice.choice(list(TYPES))
    shape = [dice.randint(0 if dice.random() < 0.05 else 1, 5) for _ in range(dice.randint(0, 4))]
    values = torch.randint(0, 2 if kind == torch.bool else 100, shape)
    tensor = values.to(kind) if not kind.is_floating_point else torch.randn(shape).to(kind)
    if tensor.dim() > 1 and dice.random() < 0.3:
        tensor = tensor.transpose(0, -1)
    if tensor.dim() > 0 and tensor.shape[0] > 2 and dice.random() < 0.3:
        tensor = tensor[1::2]
    if dice.random() < 0.2 and tensor.dim() > 0:
        tensor = tensor[:1].expand_as(tensor) if tensor.shape[0] > 0 else tensor
    if kind.is_floating_point and dice.random() < 0.3:
        tensor = torch.nn.Parameter(tensor, requires_grad=dice.random() < 0.5)
    return tensor


def drawn_checkpoint(dice):
    tensors = collections.OrderedDict()
    for k in range(dice.randint(1, 6)):
        tensors[f"part{k}.{dice.choice(['weight', 'bias', 'ä'])}"] = drawn_tensor(dice)
    if dice.random() < 0.3:
        tensors["tied"] = tensors[next(iter(tensors))]
    if dice.random() < 0.3:
        return {"epoch": dice.randint(0, 99), "state_dict": tensors, "note": "made", "rate": 1e-3}
    return dict(tensors) if dice.random() < 0.5 else tensors


def flat(checkpoint):
    return checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else {}


def told(tensor):
    """As told_weights says it."""
    values = torch.empty(tensor.numel(), dtype=tensor.dtype)
    values.copy_(tensor.detach().reshape(-1))
    octets = bytes(values.view(torch.uint8).tolist()) if tensor.numel() else b""
    return [TYPES[tensor.dtype], list(tensor.shape), octets.hex()]


def ours(program, files):
    said = {}
    for first in range(0, len(files), 500):
        out = subprocess.run([program, *map(str, files[first:first + 500])], stdout=subprocess.PIPE, check=True)
        for line in out.stdout.decode().splitlines():
            one = json.loads(line)
            said[one["file"]] = one
    return said


def torch_reads(file):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(file, weights_only=True)
    except MemoryError:
        return None
    except Exception:  # torch says it in some twenty classes
        return None


def has_folders(file):
    """Whether members are marked as folders: torch leaves what it makes of those unwritten."""
    try:
        with zipfile.ZipFile(file) as archive:
            return any(member.external_attr & 0x10 for member in archive.infolist())
    except Exception:  # as of the legacy form, and what is too damaged for Python
        return False


def difference(one, checkpoint):
    """What both say otherwise of a tensor that ours names, or nothing."""
    theirs = flat(checkpoint)
    for name, said in one["tensors"].items():
        tensor = theirs.get(name) if isinstance(theirs, dict) else None
        if not isinstance(tensor, torch.Tensor):
            return f"{name}: {said} here, and in torch {tensor!r}"
        if said[0] == "boolean":  # a file may hold a 7, of which torch may make a 1
            said = [*said[:2], bytes(b != 0 for b in bytes.fromhex(said[2])).hex()]
            tensor = tensor != 0
        if told(tensor) != said:
            return f"{name}: {said} here, and in torch {told(tensor)}"
    return ""


def main(program, rounds):
    torch.manual_seed(1)
    dice = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        whole, damaged = [], []
        for k in range(rounds):
            file = Path(folder) / f"{k}.pth"
            torch.save(drawn_checkpoint(dice), file, _use_new_zipfile_serialization=dice.random() < 0.5)
            whole.append(file)
            for n in range(10):
                data = bytearray(file.read_bytes())
                for _ in range(dice.randint(1, 3)):
                    where = dice.randrange(len(data))
                    data[where] = dice.choice([data[where] ^ 1 << dice.randrange(8), dice.randrange(256)])
                if dice.random() < 0.1:
                    del data[dice.randrange(len(data)):]
                other = Path(folder) / f"{k}-{n}.pth"
                other.write_bytes(data)
                damaged.append(other)
        said = ours(program, whole + damaged)
        for file in whole:
            one, checkpoint = said[str(file)], torch_reads(file)
            if checkpoint is None or "tensors" not in one:
                sys.exit(f"{file.name}: not read: {one.get('refused', 'by torch')}")
            names = {n for n, t in flat(checkpoint).items() if isinstance(t, torch.Tensor)}
            if names != set(one["tensors"]) or difference(one, checkpoint):
                sys.exit(f"{file.name}: {names} and {difference(one, checkpoint)}")
        both = refused = ours_alone = theirs_alone = 0
        for file in damaged:
            one, checkpoint = said[str(file)], torch_reads(file)
            if "tensors" in one and checkpoint is not None and has_folders(file):
                continue
            if "tensors" in one and checkpoint is not None:
                both += 1
                if difference(one, checkpoint):
                    sys.exit(f"{file.name}: {difference(one, checkpoint)}")
            elif "tensors" in one:
                ours_alone += 1
            elif checkpoint is not None:
                theirs_alone += 1
            else:
                refused += 1
    print(f"torch {torch.__version__}: {len(whole)} checkpoints read alike; of {len(damaged)} damaged ones {both} read alike, "
          f"{refused} refused by both, {theirs_alone} by retinue alone, {ours_alone} by torch alone")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100)
