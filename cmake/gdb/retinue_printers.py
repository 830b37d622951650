# SPDX-License-Identifier: Apache-2.0
"""How gdb shows boxes, landmarks and tables.

In gdb, or in ~/.gdbinit:    source <prefix>/share/retinue/gdb/retinue_printers.py
"""
import gdb
import gdb.printing


def number(value):
    """A number as short as it can be told; gdb prints 0.300000012 for a float of 0.3."""
    code = value.type.strip_typedefs().code
    return "%g" % float(value) if code == gdb.TYPE_CODE_FLT else str(value)


def numbers(values):
    return "(" + ", ".join(number(v) for v in values) + ")"


def shape_of(shape):
    return int(shape["images"]), int(shape["rows"])


class members:
    """A record, by a sentence with its members in it."""

    def __init__(self, value, sentence, names):
        self.value, self.sentence, self.names = value, sentence, names

    def to_string(self):
        return self.sentence.format(*(number(self.value[name]) for name in self.names))


def elements(array):
    """Those of a std::array; none of one that is empty."""
    held = array["_M_elems"]
    if held.type.strip_typedefs().code != gdb.TYPE_CODE_ARRAY:
        return []
    first, last = held.type.strip_typedefs().range()
    return [held[k] for k in range(first, last + 1)]


class point_set:
    """Landmarks, or the offsets of some: point by point."""

    def __init__(self, value):
        self.points = [elements(point) for point in elements(value["points"])]
        regressed = "detail::regressed" in str(value.type.strip_typedefs())
        self.what = "offsets of landmarks" if regressed else "landmarks"

    def to_string(self):
        return f"{len(self.points)} {self.what}: " + " ".join(numbers(p) for p in self.points)


class table:
    """Records in two dimensions; each row is a child."""

    def __init__(self, what, images, rows, row):
        self.what, self.images, self.rows, self.row = what, images, rows, row

    def to_string(self):
        return f"{self.what} ({self.images}, {self.rows})"

    def children(self):
        for image in range(self.images):
            for row in range(self.rows):
                yield f"[{image}, {row}]", numbers(self.row(image, row))


def record_name(type):
    return str(type).replace("retinue::", "")


def columns(value):
    type = value.type.strip_typedefs().template_argument(0)
    images, rows = shape_of(value["shape_"])
    first, stride = value["values_"]["_M_impl"]["_M_start"], int(value["stride_"])
    element = first.dereference().type.sizeof
    width = type.sizeof // element if images * rows else 0

    def row(image, at):
        return [(first + (c * stride + image * rows + at)).dereference() for c in range(width)]

    return table(f"columns of {record_name(type)}", images, rows, row)


def blocks(value, what, width):
    """A view of one block, or of levels."""
    images, rows = shape_of(value["shape_"])
    first_image = int(value["first_image_"])
    levels = value["levels_"]
    count = int(levels["_M_extent"]["_M_extent_value"])
    parts = [levels["_M_ptr"][i] for i in range(count)] if count else [value["one_"]]

    def row(image, at):
        for part in parts:
            here = int(part["shape"]["rows"])
            if at < here or part is parts[-1]:
                break
            at -= here
        strides = part["strides"]
        first = part["data"] + (int(strides["image"]) * (first_image + image)
                                + int(strides["row"]) * at)
        return [(first + c * int(strides["number"])).dereference() for c in range(width)]

    return table(what, images, rows, row)


def rows(value):
    type = value.type.strip_typedefs().template_argument(0)
    element = value["one_"]["data"].dereference().type.sizeof
    return blocks(value, f"rows of {record_name(type)}", type.sizeof // element)


def number_rows(value):
    width = int(value["numbers_"])
    return blocks(value, f"rows of {width} numbers", width)


def look_up():
    made = gdb.printing.RegexpCollectionPrettyPrinter("retinue")
    records = {
        "box": ("({}, {}) to ({}, {})", ["x1", "y1", "x2", "y2"]),
        "centre_box": ("{2} x {3} at ({0}, {1})", ["cx", "cy", "w", "h"]),
        "offsets": ("({}, {}), sides ({}, {})", ["dx", "dy", "dw", "dh"]),
        "distances": ("left {}, top {}, right {}, bottom {}", ["left", "top", "right", "bottom"]),
        "candidate": ("score {}, label {}", ["score", "label"]),
        "number": ("{}", ["value"]),
    }
    for name, (sentence, names) in records.items():
        made.add_printer(name, f"^retinue::{name}<.*>$",
                         lambda v, s=sentence, n=names: members(v, s, n))
    made.add_printer("extent2", "^retinue::extent2$",
                     lambda v: members(v, "{} wide, {} high", ["width", "height"]))
    made.add_printer("table_shape", "^retinue::table_shape$",
                     lambda v: members(v, "({}, {})", ["images", "rows"]))
    made.add_printer("point_set", "^retinue::point_set<.*>$", point_set)
    made.add_printer("columns", "^retinue::columns<.*>$", columns)
    made.add_printer("rows", "^retinue::rows<.*>$", rows)
    made.add_printer("number_rows", "^retinue::number_rows$", number_rows)
    return made


gdb.printing.register_pretty_printer(None, look_up(), replace=True)
