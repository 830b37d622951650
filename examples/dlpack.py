#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faces from arrays of NumPy, found by the shared library of dlpack.cpp: dlpack.py LIBRARY.

Any object with a __dlpack__ will do in NumPy's place: a tensor of PyTorch, an array of JAX.
"""
import ctypes
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no NumPy")
    sys.exit(77)

library = ctypes.CDLL(sys.argv[1])
library.retinue_first_number.restype = ctypes.c_void_p
pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
pointer_in.restype, pointer_in.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class lent:
    """The DLManagedTensor of an array, for as long as this lives."""

    def __init__(self, array):
        self.capsule = array.__dlpack__()
        self.pointer = ctypes.c_void_p(pointer_in(self.capsule, b"dltensor"))


def find_faces(scores, boxes, points, width, height, room=100):
    """(faces, 15): score, box, and five points, in pixels."""
    tensors = [lent(array) for array in (scores, boxes, points)]
    found = np.zeros((room, 15), np.float32)
    message = ctypes.create_string_buffer(400)
    count = library.retinue_find_faces(
        *(t.pointer for t in tensors), width, height,
        found.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), room, message, len(message))
    if count < 0:
        raise ValueError(message.value.decode())
    return found[:min(count, room)]


def first_number(tensor):
    """The address of its first number, or why there is none."""
    message = ctypes.create_string_buffer(400)
    return library.retinue_first_number(tensor.pointer, message, len(message)) or message.value.decode()


# The network of this program sees one face, at anchor 4000 of 16800, and says: just that anchor.
anchors = 16800
scores = np.zeros((anchors, 2), np.float32)
boxes, points = np.zeros((anchors, 4), np.float32), np.zeros((anchors, 10), np.float32)
scores[4000, 1] = 0.9
faces = find_faces(scores, boxes, points, 640, 640)
print("faces:", len(faces), "score: %.1f" % faces[0, 0], "box:", *("%.0f" % v for v in faces[0, 1:5]))

# The same of arrays that lie otherwise: number by number, every second row of a larger one, and
# read only.
scattered = np.zeros((2 * anchors, 4), np.float32)[::2]
assert (find_faces(np.asfortranarray(scores), scattered, points, 640, 640) == faces).all()

# A view begins where the array does: nothing was copied.
assert first_number(lent(boxes)) == boxes.ctypes.data, "the array was copied"

# What cannot be viewed is refused with a sentence, and memory of a device is never touched.
print(first_number(lent(np.zeros((3, 4)))))
print(first_number(lent(np.zeros(3, np.float32))))


class managed(ctypes.Structure):
    """A DLManagedTensor that claims to lie on a GPU, at an address that nobody may read."""
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64),
                ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class on_gpu:
    shape = (ctypes.c_int64 * 2)(16800, 4)
    tensor = managed(16, 2, 0, 2, 2, 32, 1, shape, None, 0, None, None)
    pointer = ctypes.byref(tensor)


print(first_number(on_gpu))

# Output:
# faces: 1 score: 0.9 box: -4 196 12 212
# numbers are float64 (3, 4) on cpu, expected float32
# numbers are float32 (3) on cpu, expected (rows, numbers) or (images, rows, numbers)
# numbers are float32 (16800, 4) on cuda:0, expected memory of the host: memory of a device is never
# read here
