#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the inputs that fuzzing begins with, for each target a folder of small files.

    tests/fuzz/seeds.py FOLDER

They are right, or wrong in one way. Pickles are written by Python's own pickler, in all of its
protocols, with objects that have PyTorch's names: PyTorch itself is not needed.
"""
import collections
import gzip
import io
import json
import pathlib
import pickle
import struct
import sys
import types
import zipfile
import zlib

OUT = pathlib.Path(sys.argv[1])


def save(target, *inputs):
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / f"seed-{number:03}").write_bytes(data if isinstance(data, bytes) else data.encode())


# --- torch.save -----------------------------------------------------------------------------------
# Modules of PyTorch's names, whose objects the pickler takes for what they say they are.
def module(name, **members):
    made = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__, value.__name__ = name, key, key
        setattr(made, key, value)
    sys.modules[name] = made
    return made


class FloatStorage:
    pass


class LongStorage:
    pass


class Size(tuple):
    def __reduce__(self):
        return Size, (tuple(self),)


def rebuild(*arguments):
    raise NotImplementedError


def rebuild_parameter(*arguments):
    raise NotImplementedError


torch = module("torch", FloatStorage=FloatStorage, LongStorage=LongStorage, Size=Size)
module("torch._utils", _rebuild_tensor_v2=rebuild, _rebuild_parameter=rebuild_parameter)


class Stored:
    """The elements of a storage, which stand outside of the pickle."""

    def __init__(self, key, count, kind=FloatStorage, part=None):
        self.identity = ("storage", kind, key, "cpu", count) + (() if part is None else (part,))


class Tensor:
    def __init__(self, storage, shape, strides, offset=0):
        self.arguments = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return rebuild, self.arguments


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return rebuild_parameter, (self.tensor, True, collections.OrderedDict())


class Pickler(pickle._Pickler):  # the one in Python, whose persistent_id every protocol asks
    def persistent_id(self, what):
        return what.identity if isinstance(what, Stored) else None


def dumped(what, protocol):
    out = io.BytesIO()
    Pickler(out, protocol).dump(what)
    return out.getvalue()


def objects(legacy):
    a = Stored("0", 12, part=("view", 2, 6) if legacy == "part" else None)
    b = Stored("1", 3, LongStorage)
    plain = collections.OrderedDict(
        [("module.a.weight", Tensor(a, (3, 4) if legacy != "part" else (2, 3), (4, 1) if legacy != "part" else (3, 1))),
         ("module.a.bias", Tensor(b, (3,), (1,)))])
    yield plain
    yield {"epoch": 3, "arch": "a", "best": True, "loss": 0.5, "state_dict": plain, "optimizer": {"state": {}}}
    yield {"model": {"w": Parameter(Tensor(a, (2,), (1,), 1)), "v": Tensor(b, (), ())}, "none": None}
    yield {"w": Tensor(a, Size((2, 2)), (0, 1)), "list": [1, -2, 1 << 70, (4, 5), {6}, b"7", "\u00e9"]}


legacy, zipped, pickles = [], [], []
magic = 0x1950A86A20F9469CFC6C
machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
storages = {"0": struct.pack("<12f", *range(12)), "1": struct.pack("<3q", 1, 2, 3)}
for protocol in (2, 3, 4, 5):
    for part in ("", "part"):
        for which in objects(part):
            stream = dumped(which, protocol)
            keys = sorted(k for k in storages if k.encode() in stream)
            sizes = {"0": 4, "1": 8}
            legacy.append(b"".join(pickle.dumps(v, protocol) for v in (magic, 1001, machine)) + stream +
                          pickle.dumps(keys, protocol) +
                          b"".join(struct.pack("<q", len(storages[k]) // sizes[k]) + storages[k] for k in keys))
            zipped.append(b"\n%%\n".join([stream, storages["0"], storages["1"]]))
            pickles.append(stream)
for protocol in (1, 2, 4, 5):
    for value in (None, True, -1, 255, 65536, 1 << 40, -(1 << 66), 1.5, "text", b"bytes", (), (1,), (1, 2, 3, 4), [],
                  list(range(5)), {}, {"a": [1], 2: {}}, {1, 2}, frozenset((3,)), collections.OrderedDict(a=1),
                  [[[[[]]]]], bytearray(b"ab"), "x" * 300):
        pickles.append(pickle.dumps(value, protocol))
loop = []
loop.append(loop)
pickles.append(pickle.dumps(loop, 2))
save("pickle", *pickles)
save("torch_legacy", *legacy)
save("torch_zip", *zipped)


# --- ZIP ------------------------------------------------------------------------------------------
def archive(members, method=zipfile.ZIP_STORED, comment=b"", wide=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        made.comment = comment
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with made.open(info, "w", force_zip64=wide) as member:
                member.write(data)
    return out.getvalue()


def wide_archive(members):
    """ZIP64, with all sizes and places in its wider fields."""
    made, directory = b"", b""
    for name, data in members:
        crc, ones = zlib.crc32(data), 0xFFFFFFFF
        extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), len(made))
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0, 0, 0, 0, crc, ones, ones,
                                 len(name), len(extra), 0, 0, 0, 0, ones) + name + extra
        made += struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 0, 0, 0, crc, len(data), len(data), len(name), 0)
        made += name + data
    begin, record = len(made), len(made) + len(directory)
    return (made + directory +
            struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, len(members), len(members), len(directory), begin) +
            struct.pack("<IIQI", 0x07064B50, 0, record, 1) +
            struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))


two = [("m/data.pkl", b"\x80\x02}."), ("m/version", b"3\n")]
save("zip", archive([]), archive(two), archive(two, comment=b"a comment"), archive(two, wide=True),
     archive(two, zipfile.ZIP_DEFLATED), wide_archive([(n.encode(), d) for n, d in two]),
     archive([("a", b""), ("b" * 40, b"x" * 40)]), b"PK\5\6" + bytes(18))


# --- safetensors ----------------------------------------------------------------------------------
def tensor(kind, shape, begin, end):
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


sizes = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "I32": 4, "I64": 8, "F16": 2, "BF16": 2, "F32": 4, "F64": 8}
headers = [({}, 0), ({"__metadata__": {"a": "b", "c": ""}}, 0), ({"s": tensor("F32", [], 0, 4)}, 4),
           ({"e": tensor("F32", [0, 7], 0, 0), "f": tensor("I64", [2], 0, 16)}, 16)]
headers += [({"t": tensor(kind, [2, 1], 0, 2 * size)}, 2 * size) for kind, size in sizes.items()]
headers.append(({"b": tensor("U8", [3], 4, 7), "a": tensor("F32", [1], 0, 4), "__metadata__": {"x": "y"}}, 7))
texts = [(json.dumps(h), n) for h, n in headers]
save("safetensors", *[struct.pack("<Q", len(h)) + h.encode() + bytes(n) for h, n in texts[:4]],
     *[h.encode() + b"\n" + bytes(range(n)) for h, n in texts])


# --- ONNX -----------------------------------------------------------------------------------------
def field(number, data):
    return bytes([8 * number + 2, len(data)]) + data


entry = field(14, field(1, b"retinue.config") + field(2, b"{}"))
kinds = b"\x08\x96\x01" + b"\x15\0\0\x80\x3f" + b"\x11" + bytes(8)  # numbers of 7, 32 and 64 bits
save("onnx", field(7, b""), kinds + field(7, field(2, b"network")) + field(8, field(1, b"")) + entry + entry,
     field(7, b"") + field(14, field(2, b"v")), entry, field(7, b"") + entry[:-1] + b"\xff", b"\x3a\0\x3b")


# --- networks -------------------------------------------------------------------------------------
def network(body, channels=64, anchors=(2, 2, 2), classes=1, landmarks=5):
    lines = body + [f"fpn.output1.0.weight {channels} 1 1 1",
                    f"ssh1.conv3X3.0.weight {channels // 2} {channels} 3 3"]
    for level, n in enumerate(anchors):
        lines += [f"ClassHead.{level}.conv1x1.weight {n * (classes + 1)} 1 1 1",
                  f"BboxHead.{level}.conv1x1.weight {n * 4} 1 1 1"]
        if landmarks:
            lines.append(f"LandmarkHead.{level}.conv1x1.weight {n * 2 * landmarks} 1 1 1")
    return "\n".join(lines) + "\n"


mobilenet = ["body.stage1.0.0.weight 8 1 1 1"]
resnet = ["body.layer1.0.conv1.weight 64 1 1 1", "body.layer1.0.conv3.weight 256 1 1 1"]
resnet += [f"body.layer3.{b}.conv1.weight 256 1 1 1" for b in range(6)]
vgg = [f"body.{n}.weight 64 1 1 1" for n in (0, 31, 33)]
save("guess", network(mobilenet), network(resnet, 256), network(vgg), network(mobilenet, landmarks=4),
     network(mobilenet, classes=3, landmarks=0), network(mobilenet, anchors=(3, 3)), "conf.0.weight 4\n",
     *[f"{n} 1 1\n" for n in ("momentum_buffer", "exp_avg", "mobilenet0_conv0", "classification_headers.0",
                              "bbox_head.multi_level_", "landm.0", "vgg.0", "body.stage1", "layer1.0.conv1.")])
save("config", "{}", '{"preset": "mobilenet0.25", "classes": ["a", "b"], "landmarks": 4}',
     '{"network": {"body": "resnet50", "body_slope": 0, "channels": 256, "neck_slope": 0}, "anchors": {"kind": '
     '"squares", "clip": false, "levels": [{"stride": 8, "sizes": [16, 32]}, {"stride": 16, "sizes": [64]}]}}',
     '{"kind": "ssd", "network": {"body": "vgg16", "extras": [{"inner": 256, "out": 512, "kernel": 3, "stride": 2, '
     '"padding": 1}]}, "anchors": {"kind": "default_boxes", "design_side": 300, "clip": true, "levels": [{"stride": 8, '
     '"size": 30, "next_size": 60, "ratios": [2]}]}}',
     '{"labels": "sigmoid", "coder": {"centre": 0.1, "size": 0.2, "largest_log": null}, "input": {"channels": "rgb", '
     '"mean": [1, 2, 3], "scale": [1, 1, 0.5], "long_side": 640}, "detect": {"score": 0.5, "candidates": 10, '
     '"overlap": 0.3, "keep": 7, "clip": true, "suppression": "inclusive_pixels"}}',
     '{"preset": "ssd300-vgg16", "name": "x"}', '{"preset": "none"}', '{"a": 1, "a": 2}', '{"classes": [[]]}', "[1]")

# --- truths ---------------------------------------------------------------------------------------
save("label", "# a.jpg\n1 2 3 4\n", "# a b.jpg\r\n1 2 3 4 " + "5 6 0 " * 5 + "0.9\r\n",
     "# a.jpg\n1 2 3 4 " + "-1 -1 -1 " * 5 + "\n# b.jpg\n", "# a.jpg\n1 2 3 4 1 1 1\n1 2 3 4 0 0 0\n",
     "# a.jpg\n1 2 0 4\n", "1 2 3 4\n", "#\n", "# a.jpg\n1e38 2 3.4e38 4\n", "\x1f\x8b packed")
save("wflw", "+1 2 30 40 0 0 1 0 0 1 a/b.jpg\n", "+1 2 30 40 0 0 1 0 0 1 a.jpg\n+1 2 9 9 0 0 0 0 0 0 a.jpg\n",
     "+1 2 1 40 0 0 0 0 0 0 a.jpg\n", "+1 2 3 4 0 0 2 0 0 0 a.jpg\n", "1 2 3\n", "\n")
coco = {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
        "categories": [{"id": 3, "name": "face"}, {"id": 1, "name": "plate"}],
        "annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "keypoints": [1, 2, 2, 0, 0, 0]},
                        {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4.5], "iscrowd": 1, "area": 5}]}
text = json.dumps(coco)
save("coco", text, text.replace("[1, 2, 3, 4]", "[1, 2, 0, 4]"), text.replace('"image_id": 2', '"image_id": 9'),
     text.replace('"keypoints": [1', '"keypoints": ["1"'), "{}", "[]", '{"images": [{}]}')
results = json.dumps([{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}])
save("coco_results", text, text + "\n%%\n" + results, text + "\n%%\n[]", text + "\n%%\n[{}]",
     text + "\n%%\n" + results.replace("0.5", "1e999"), text + "\n%%\n" + "[" * 50)
voc = ("<annotation><filename>a.jpg</filename><object><name>cat</name><difficult>1</difficult><bndbox><xmin>1</xmin>"
       "<ymin>2</ymin><xmax>30</xmax><ymax>40.5</ymax></bndbox></object><object><name>dog</name><bndbox><xmin>1</xmin>"
       "<ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>")
save("voc", voc, voc.replace("30", "1"), voc.replace("<filename>a.jpg", "<filename>a"), "<annotation/>", "<a/>",
     "<?xml version='1.0' encoding='UTF-16'?>\n" + voc, voc[:99])
imglab = ("<dataset><images><image file='a.jpg'><box top='9' left='4' width='37' height='37' ignore='1'>"
          "<label>face</label><part name='00' x='20' y='17'/><part name='4' x='-2' y='1.5'/></box></image>"
          "<image file='b.jpg'/></images></dataset>")
save("imglab", imglab, imglab.replace("'4'", "'00'"), imglab.replace("'4'", "'5'"), imglab.replace("37", "0"),
     imglab.replace("<label>face</label>", ""), imglab.replace("face", "other"), "<dataset><images/></dataset>")
wider = "# a comment\ne/a.jpg 64 48 2\n1 2 3 4 1 1 1\n5 6 -2 8 0 0 1 9 9\ne/b.jpg 10 10 0\n"
labels = "# e/a.jpg\n1 2 3 4 1 1 1\n# e/b.jpg\n"
found = "e/a.jpg\n2\n1 2 3 4 0.5\n1 2 0 0 1e-3\n\ne/b.jpg\n0\n"
save("wider", wider, labels, wider + "\n%%\n" + found, labels + "\n%%\n" + found, wider + "\n%%\ne/a.jpg\n9\n",
     wider + wider, wider + "\n%%\nnone.jpg\n0\n", wider.replace("64 48 2", "64 48 99999999999"))
line = {"step": 0, "epoch": 0, "rate": 0.1, "box": 1.5, "label": 2, "total": 3, "gradient": 4, "positives": 5,
        "images_per_second": 6.5}
logged = "".join(json.dumps({**line, "step": step}) + "\n" for step in range(3))
save("log", logged, logged + logged[:40], logged + "nonsense\n", "nonsense\n" + logged, "", "\0\0\n")

# --- gzip -----------------------------------------------------------------------------------------
plain = b"a text that repeats itself, a text that repeats itself\n"
packed = gzip.compress(plain, mtime=0)
named = io.BytesIO()
with gzip.GzipFile("name", "wb", 9, named, 0) as out:
    out.write(plain)
save("gzip", packed, packed * 2, named.getvalue(), gzip.compress(bytes(2000), mtime=0), gzip.compress(b"", mtime=0),
     gzip.compress(bytes(range(256)), 0, mtime=0), packed[:-5])


# --- pictures -------------------------------------------------------------------------------------
def exif(order, orientation):
    as_number = ">" if order == b"MM" else "<"
    entries = [(0x010f, 2, 4, 0), (0x0112, 3, 1, orientation if order == b"II" else orientation << 16)]
    directory = struct.pack(as_number + "H", len(entries)) + b"".join(
        struct.pack(as_number + "HHII", *entry) for entry in entries)
    return order + struct.pack(as_number + "HI", 42, 8) + directory


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


segments = b"\xff\xd8\xff\xe0\x00\x06JFIF\xff\xda\x00\x04ab" + b"pixels\xff\x00\xff\xd3" + b"\xff\xd9"
save("picture", *(exif(order, turn) for order in (b"II", b"MM") for turn in (1, 6, 9)), b"Exif\0\0" + exif(b"MM", 8),
     b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"eXIf", exif(b"MM", 3)) + chunk(b"IEND", b""),
     b"RIFF" + struct.pack("<I", 60) + b"WEBPVP8 " + struct.pack("<I", 3) + b"abc\0" + b"EXIF" +
     struct.pack("<I", 38) + exif(b"II", 5), segments, segments[:-2], segments[:20], b"BM" + bytes(140), b"P6 1 1 255 rgb",
     bytes(128) + b"DICM", b"BM" + bytes(138) + b"DTED", b"GIF89a", b"\0\0\0\x0cjP  \r\n\x87\n")


# --- cores ----------------------------------------------------------------------------------------
def drawn(head, rows, count):
    """Bytes that look random, the same ones everywhere."""
    state, made = 1, bytes(head)
    for _ in range(rows * count):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        made += bytes([state >> 16 & 0xFF])
    return made


floats = struct.pack("<20f", *([0, 0, 10, 10, 0.9] + [1, 1, 10, 10, 0.8] + [float("nan"), 0, 1, 1, 0.5] +
                               [-3e38, -3e38, 3e38, 3e38, 0.1]))
save("suppress", *[drawn([o, 0, 1], 6, n) for o in range(8) for n in (1, 5, 40)],
     *[bytes([o, 1, 1]) + floats for o in range(8)], drawn([3, 0, 0, 2], 6, 30))
save("match", *[drawn([layout, negative, positive, 4, force, kind], 5, n) for layout in range(5)
                for negative, positive in ((6, 6), (2, 12)) for force in range(3) for kind in (0, 2) for n in (4,)],
     *[bytes([layout, 6, 6, 4, 1, 3]) + struct.pack("<8f", 0.1, 0.1, 0.3, 0.4, -3.4e38, 0, 3.4e38, 1)
       for layout in range(5)])
save("augment", *[struct.pack("<HHQBBB", 160, 120, seed, 0, which, 63) + drawn([], 31, n) for which in range(4)
                  for seed in range(3) for n in (0, 1, 6)])
