"""Named tensors in files as the stages of pipe write them (safetensors, format 0.3), by NumPy alone."""

import json
import struct
from pathlib import Path

import numpy as np

_TYPES = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4"), "U8": np.dtype("u1")}
_NAMES = {kind: name for name, kind in _TYPES.items()}


def read_tensors(path):
    """Arrays by name, and the text beside them."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        kind = _TYPES[entry["dtype"]]
        piece = np.frombuffer(data, kind, (end - begin) // kind.itemsize, 8 + length + begin)
        arrays[name] = piece.reshape(entry["shape"])
    return arrays, metadata


def write_tensors(path, arrays, metadata):
    """The same arrays give the same bytes: wide types first, then by name."""
    header = {"__metadata__": dict(sorted(metadata.items()))}
    pieces, offset = [], 0
    for name, array in sorted(arrays.items(), key=lambda each: (-each[1].dtype.itemsize, each[0])):
        data = np.ascontiguousarray(array).tobytes()
        kind = _NAMES[array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + len(data)]}
        pieces.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(pieces))
