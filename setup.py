"""Build a wheel that offers one name: `model`, `agents` and `experiments` of the checkout as parts of `inference_economy`.

All else stands in `pyproject.toml`. In the wheel's sources, and nowhere else, `from model.month import x` is
`from inference_economy.model.month import x`; lines keep their numbers. An editable installation is the checkout as it is.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import setuptools
from setuptools.command.build_py import build_py

NAME = "inference_economy"
PARTS = ("agents", "experiments", "model")
#: Left out of wheels: what joins the packages of a checkout.
ONLY_IN_A_CHECKOUT = f"{NAME}/checkout.py"


def renamed(source: bytes, file: str) -> bytes:
    """Return a source file with the imports that it needs inside the package.

    Raises
    ------
    ValueError
        If it says a module's name in a way that cannot be changed; names file, line and cure.
    """
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    for node in sorted(nodes, key=lambda n: (n.lineno, n.col_offset), reverse=True):
        if isinstance(node, ast.ImportFrom) and not node.level and _ours(node.module or ""):
            pattern, new = rb"from\s+(?=\w)", b"from %b." % NAME.encode()
        elif isinstance(node, ast.Import) and any(_ours(alias.name) for alias in node.names):
            (alias, *more) = node.names
            if more or ("." in alias.name and not alias.asname):
                raise ValueError(f"{file}:{node.lineno}: {ast.unparse(node)!r}: write 'from package import module'")
            pattern = rb"import\s+(?=\w)"
            new = (b"import %b." if "." in alias.name else b"from %b import ") % NAME.encode()
        else:
            continue
        line = lines[node.lineno - 1]
        head, tail = line[: node.col_offset], line[node.col_offset :]
        tail, count = re.subn(pattern, lambda _, new=new: new, tail, count=1)
        if count != 1:
            raise ValueError(f"{file}:{node.lineno}: {ast.unparse(node)!r}: write it on one line")
        lines[node.lineno - 1] = head + tail
    _check_texts(tree, file)
    return b"".join(lines)


def _ours(module: str) -> bool:
    return module.partition(".")[0] in PARTS


def _check_texts(tree: ast.Module, file: str) -> None:
    """Refuse texts that name modules by what they are called in a checkout, or code that imports them."""
    parts = "|".join(PARTS)
    named = re.compile(rf"(?:{parts})\.[\w.]*|[\s\S]*(?:^|[;'\"])\s*(?:from|import) (?:{parts})\b[\s\S]*", re.M)
    said = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in said else None
        if isinstance(text, str) and named.fullmatch(text):
            raise ValueError(f"{file}:{node.lineno}: {text!r}: no such module in a wheel; write f'{{__name__}}...'")


class Distribution(setuptools.Distribution):
    """The packages of `pyproject.toml`, moved into one where a wheel or an archive of sources is built."""

    def parse_config_files(self, *args: object, **kwargs: object) -> None:
        """Read `pyproject.toml`, then move."""
        super().parse_config_files(*args, **kwargs)
        if "editable_wheel" not in self.script_args:
            self.packages = [f"{NAME}.{p}" if _ours(p) else p for p in self.packages]
            self.package_dir = {f"{NAME}.{p}": p for p in PARTS}
            self.package_data = {f"{NAME}.{p}" if _ours(p) else p: files for p, files in self.package_data.items()}


class Build(build_py):
    """Copies the sources, renames their imports."""

    def run(self) -> None:
        """Copy all; what an earlier build left is gone first."""
        if not self.editable_mode:
            for name in (NAME, *PARTS):
                shutil.rmtree(Path(self.build_lib, name), ignore_errors=True)
        super().run()

    def build_module(self, module: str, module_file: str, package: str) -> object:
        """Copy one file."""
        if self.editable_mode:
            return super().build_module(module, module_file, package)
        file = Path(module_file).as_posix()
        if file == ONLY_IN_A_CHECKOUT:
            return None
        target = Path(self.get_module_outfile(self.build_lib, tuple(package.split(".")), module))
        self.mkpath(str(target.parent))
        target.write_bytes(renamed(Path(module_file).read_bytes(), file))
        return str(target), 1


if __name__ == "__main__":
    setuptools.setup(distclass=Distribution, cmdclass={"build_py": Build})
