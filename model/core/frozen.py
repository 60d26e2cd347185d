"""Everything reachable from an object as JSON and bytes, without pickles, and the object restored from them, bit for bit.

Kept: numbers, texts, tuples, lists, dicts, sets, slices, arrays, sparse matrices, and attributes of objects of our own
classes and of those of plug-ins. Two names of one thing stay two names of one thing. Arrays keep their layout in memory, on which
the last digits of sums depend, and share memory where they did. Anything else is refused with the place where it stands.
"""

from __future__ import annotations

import functools
import importlib
import json
import types
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from model.core import modules
from model.core.additions import LOADED
from model.core.framework import DataCollector, mesa

Array = NDArray[Any]

#: Packages whose classes are kept, and one class beside them.
OURS = ("model", "agents")
ALSO: dict[str, type] = {f"{DataCollector.__module__}:{DataCollector.__qualname__}": DataCollector}
#: Kinds of values that whoever is restored has made itself.
FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
#: Buffers of fewer bytes lie together in one member.
SMALL_BYTES = 1 << 16


def members(name: str, x: Any, leave: Collection[str] = ()) -> dict[str, Array]:
    """Return `x` as members of an .npz archive whose names begin with `name`, (bytes,) uint8 each.

    Parameters
    ----------
    name : str
    x : object
    leave : collection of str
        Attributes of `x` itself that are not kept.

    Raises
    ------
    TypeError
        If something cannot be kept; names where it is.
    """
    writer = Writer()
    tree = writer.node(x, name, leave)
    places: list[int] = []  # bytes among the small ones, -1 for a member of its own
    small: list[Array] = []
    out: dict[str, Array] = {}
    for i, data in enumerate(writer.buffers):
        if data.size < SMALL_BYTES:
            small.append(data)
            places.append(data.size)
        else:
            out[f"{name}.{i}"] = data
            places.append(-1)
    out[f"{name}.small"] = np.concatenate([*small, np.zeros(0, dtype=np.uint8)])
    text = json.dumps({"tree": tree, "places": places}, separators=(",", ":"))
    out[name] = np.frombuffer(text.encode(), dtype=np.uint8)
    return out


def restored(archive: Mapping[str, Array], name: str, x: Any = None, leave: Collection[str] = ()) -> Any:
    """Return what `members` was given; objects that `x` has at the same place are changed instead of made.

    Parameters
    ----------
    archive : mapping of (bytes,) uint8
        Such as numpy.load returns.
    name : str
    x : object, optional
        Of the kind that was kept; supplies what is not.
    leave : collection of str
        As for `members`.

    Raises
    ------
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError
        If what was kept does not fit the code.
    """
    kept = json.loads(archive[name].tobytes())
    small, at = archive[f"{name}.small"], 0
    buffers: list[Array] = []
    for i, size in enumerate(kept["places"]):
        if size < 0:
            buffers.append(archive[f"{name}.{i}"])
        else:
            buffers.append(small[at : at + size].copy())  # so that each lives as long as it is needed
            at += size
    return Reader(buffers).node(kept["tree"], x, leave)


class Writer:
    """Turns values into nodes of JSON and buffers of bytes.

    A node is a number, a text, true, false, null, or a list that begins with its kind. What can be reached twice (all but
    numbers, texts, tuples and slices) bears a number; ["again", number] stands for it later.
    """

    def __init__(self) -> None:
        self.buffers: list[Array] = []
        self._numbers: dict[int, int] = {}  # by identity
        self._places: dict[int, int] = {}  # of buffers, by identity of the array that owns the memory
        self._alive: list[Any] = []  # identities hold as long as the values live

    def node(self, x: Any, where: str, leave: Collection[str] = ()) -> Any:
        """Return the node of `x`, which stands at `where`, without its attributes `leave`."""
        if x is None or type(x) in (bool, int, float, str):
            return x
        if isinstance(x, np.generic) and not x.dtype.hasobject:
            return ["scalar", x.dtype.str, x.tobytes().hex()]
        if isinstance(x, slice):
            return ["slice", x.start, x.stop, x.step]
        if isinstance(x, tuple):
            parts = [self.node(v, f"{where}[{i}]") for i, v in enumerate(x)]
            return ["tuple", parts] if type(x) is tuple else ["named", _name(type(x), where), parts]
        if isinstance(x, type):
            return ["class", _name(x, where)]
        if id(x) in self._numbers:
            return ["again", self._numbers[id(x)]]
        number = self._numbers[id(x)] = len(self._numbers)
        self._alive.append(x)
        return self._new(x, number, where, leave)

    def _new(self, x: Any, number: int, where: str, leave: Collection[str]) -> list[Any]:
        kind = type(x)
        if kind is list:
            return ["list", number, [self.node(v, f"{where}[{i}]") for i, v in enumerate(x)]]
        if kind is dict:
            return ["dict", number, [[self.node(k, where), self.node(v, f"{where}[{k!r}]")] for k, v in x.items()]]
        if kind is set:
            return ["set", number, [self.node(v, where) for v in sorted(x)]]
        if kind is np.ndarray:
            return ["array", number, *self._array(x, where)]
        if kind is csr_array:
            return ["csr", number, list(x.shape), [self.node(v, where) for v in (x.data, x.indices, x.indptr)]]
        if kind in FUNCTIONS:
            return ["built", number]
        if hasattr(x, "__dict__"):
            attributes = [[k, self.node(v, f"{where}.{k}")] for k, v in vars(x).items() if k not in leave]
            return ["object", number, _name(kind, where), attributes]
        raise TypeError(f"{where}: a {kind.__module__}.{kind.__qualname__} cannot be kept")

    def _array(self, x: Array, where: str) -> tuple[Any, ...]:
        """Return the buffer of an array, its dtype, where in the buffer it lies, and whether it may be written to."""
        if x.dtype.hasobject:
            raise TypeError(f"{where}: an array of objects cannot be kept")
        writeable, owner = x.flags.writeable, x
        while (above := _above(owner)) is not None:
            owner = above
        data = _flat(owner)
        if data is None:  # memory with gaps
            owner = x = x.copy(order="K")
            data = _flat(owner)
            if data is None:
                raise TypeError(f"{where}: an array of this layout cannot be kept")
        if id(owner) not in self._places:
            self._places[id(owner)] = len(self.buffers)
            self._alive.append(owner)
            self.buffers.append(data)
        offset = x.__array_interface__["data"][0] - owner.__array_interface__["data"][0] if x.size else 0
        strides = None if x.flags.c_contiguous else list(x.strides)
        return self._places[id(owner)], x.dtype.str, offset, list(x.shape), strides, writeable


class Reader:
    """Turns nodes back into values; `buffers` are the writer's."""

    def __init__(self, buffers: list[Array]) -> None:
        self.buffers = buffers
        self._known: dict[int, Any] = {}  # by number
        self._used: set[int] = set()  # identities of objects that were changed

    def node(self, node: Any, old: Any, leave: Collection[str] = ()) -> Any:
        """Return the value of a node; `old` stands at its place, None for nothing."""
        if not isinstance(node, list):
            return node
        kind, *rest = node
        if kind == "scalar":
            return np.frombuffer(bytes.fromhex(rest[1]), dtype=np.dtype(rest[0]))[0]
        if kind == "slice":
            return slice(*rest)
        if kind == "tuple":
            return tuple(self._each(rest[0], old))
        if kind == "named":
            return tuple.__new__(_class(rest[0]), self._each(rest[1], old))
        if kind == "class":
            return _class(rest[0])
        if kind == "again":
            return self._known[rest[0]]
        return self._new(kind, *rest, old=old, leave=leave)

    def _new(self, kind: str, number: int, *rest: Any, old: Any, leave: Collection[str]) -> Any:
        value: Any
        if kind == "object":
            return self._object(number, _class(rest[0]), rest[1], old, leave)
        if kind == "list":
            value = self._known[number] = []
            value.extend(self._each(rest[0], old))
        elif kind == "dict":
            value, before = {}, old if isinstance(old, dict) else {}
            self._known[number] = value
            for k, v in rest[0]:
                key = self.node(k, None)
                value[key] = self.node(v, before.get(key))
        elif kind == "set":
            value = {self.node(v, None) for v in rest[0]}
        elif kind == "array":
            value = self._array(*rest)
        elif kind == "csr":
            data, indices, indptr = (self.node(v, None) for v in rest[1])
            value = csr_array(tuple(rest[0]), dtype=data.dtype)
            value.data, value.indices, value.indptr = data, indices, indptr
        elif kind == "built" and isinstance(old, FUNCTIONS):
            value = old
        else:
            raise ValueError(f"no value for a node of kind '{kind}'")
        self._known[number] = value
        return value

    def _object(self, number: int, kind: type, attributes: list[Any], old: Any, leave: Collection[str]) -> Any:
        """Return an object with these attributes: the old one, if it is of the same kind and not yet another's."""
        same = type(old) is kind or (isinstance(old, mesa.Model) and isinstance(old, kind))
        before = vars(old) if same else {}
        value = old if before and id(old) not in self._used else object.__new__(kind)
        self._used.add(id(value))
        self._known[number] = value
        new = {k: v for k, v in before.items() if k in leave}
        new |= {k: self.node(v, before.get(k)) for k, v in attributes}
        vars(value).clear()
        vars(value).update(new)
        return value

    def _each(self, nodes: list[Any], old: Any) -> list[Any]:
        before = old if isinstance(old, list | tuple) and len(old) == len(nodes) else [None] * len(nodes)
        return [self.node(v, b) for v, b in zip(nodes, before, strict=True)]

    def _array(self, buffer: int, dtype: str, offset: int, shape: list[int], strides: Any, writeable: bool) -> Array:
        given = None if strides is None else tuple(strides)
        value: Array = np.ndarray(tuple(shape), np.dtype(dtype), self.buffers[buffer], offset, given)
        value.flags.writeable = writeable
        return value


def _name(kind: type, where: str) -> str:
    """Return the name by which `_class` finds a class."""
    if issubclass(kind, mesa.Model):  # of an economy that a user extends, as the one it extends
        kind = next((base for base in kind.__mro__ if modules.package(base.__module__) in OURS), kind)
    name = f"{modules.plain(kind.__module__)}:{kind.__qualname__}"
    if name not in ALSO and (not _ours(kind.__module__) or "<" in name):
        raise TypeError(f"{where}: a {kind.__module__}.{kind.__qualname__} cannot be kept")
    return name


def _ours(module: str) -> bool:
    """Return whether classes of a module are kept: of the project, or of a plug-in that is loaded."""
    return modules.package(module) in OURS or modules.package(modules.PREFIX + module) in OURS or module in LOADED


def _class(name: str) -> type:
    """Return a class of ours by its name."""
    if name in ALSO:
        return ALSO[name]
    module, _, path = name.partition(":")
    if not _ours(module):
        raise ValueError(f"class {name} is none of ours")
    found: object = importlib.import_module(module) if module in LOADED else modules.found(module)
    for part in path.split("."):
        found = getattr(found, part)
    if not isinstance(found, type):
        raise TypeError(f"{name} is no class")
    return found


def _above(x: Array) -> Array | None:
    """Return the array whose memory `x` shows, None if the memory is its own."""
    for base in (x.base, getattr(x.base, "base", None)):  # stride tricks put an object between
        if isinstance(base, np.ndarray):
            return base
    return None


def _flat(x: Array) -> Array | None:
    """Return the bytes of an array in the order of memory, None if there are gaps between them.

    >>> _flat(np.asfortranarray(np.eye(2, 3, dtype="u1"))).tolist()
    [1, 0, 0, 1, 0, 0]
    """
    if not x.size:
        return np.zeros(0, dtype=np.uint8)
    order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
    inner = x.transpose(order)
    return inner.reshape(-1).view(np.uint8) if inner.flags.c_contiguous else None
