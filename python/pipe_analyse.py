"""Reads Python sources for pipe without running them: what each file says, what it imports, which stage it declares.

One process answers many questions: a line of JSON in, a line of JSON out. Nothing of the project is imported here.
Works with Python 3.9 and newer, with the standard library alone.
"""

import ast
import hashlib
import json
import os
import sys

from pipe_declaration import Mistake, declaration_of

# Positions, contexts and comments on types are no part of what a file says.
_SKIPPED = frozenset(("ctx", "type_comment", "kind", "type_ignores"))
_FIELDS = {}
_HOLDS_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _is_type_checking(test):
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


class Reading:
    """What one file says: a digest of its syntax tree, and its imports."""

    def __init__(self):
        self.words = []
        self.imports = []
        self.computed = []
        # Other names of import_module.
        self.loaders = set()

    def read(self, node):
        cls = node.__class__
        words = self.words
        fields = _FIELDS.get(cls)
        if fields is None:
            fields = _FIELDS[cls] = tuple(name for name in cls._fields if name not in _SKIPPED)
        if cls is ast.If and _is_type_checking(node.test):
            # What only a type checker sees neither runs nor is imported.
            words.append("If TYPE_CHECKING")
            for child in node.orelse:
                self.read(child)
            words.append(";")
            return
        words.append(cls.__name__)
        if cls is ast.Import:
            for alias in node.names:
                self.imports.append([alias.name, None, 0, node.lineno])
        elif cls is ast.ImportFrom:
            if node.module == "importlib":
                self.loaders.update(each.asname for each in node.names if each.name == "import_module" and each.asname)
            self.imports.append([node.module or "", [alias.name for alias in node.names], node.level, node.lineno])
        elif cls is ast.Call:
            self._call(node)
        for name in fields:
            value = getattr(node, name, None)
            if value.__class__ is list:
                if name == "body" and value and isinstance(node, _HOLDS_DOCSTRING) and _is_docstring(value[0]):
                    value = value[1:]
                words.append("[")
                for item in value:
                    if isinstance(item, ast.AST):
                        self.read(item)
                    else:
                        words.append(repr(item))
                words.append("]")
            elif isinstance(value, ast.AST):
                self.read(value)
            else:
                words.append(repr(value))
        words.append(";")

    def _call(self, node):
        """Imports by a call: constant names are followed, computed ones are said."""
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if name in self.loaders and isinstance(func, ast.Name):
            name = "import_module"
        if name not in ("import_module", "__import__", "run_module", "run_path", "spec_from_file_location"):
            return
        first = node.args[0] if node.args else None
        if name in ("run_path", "spec_from_file_location"):
            self.computed.append([node.lineno, name])
        elif not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            self.computed.append([node.lineno, name])
        elif name == "import_module" and first.value.startswith("."):
            level = len(first.value) - len(first.value.lstrip("."))
            package = node.args[1] if len(node.args) > 1 else None
            for keyword in node.keywords:
                if keyword.arg == "package":
                    package = keyword.value
            if isinstance(package, ast.Constant) and isinstance(package.value, str):
                base = package.value.split(".")
                base = base[: len(base) - (level - 1)] if level > 1 else base
                self.imports.append([".".join(base + [first.value[level:]]).strip("."), None, 0, node.lineno])
            elif isinstance(package, ast.Name) and package.id in ("__package__", "__name__"):
                self.imports.append([first.value[level:], None, level, node.lineno])
            else:
                self.computed.append([node.lineno, name])
        else:
            self.imports.append([first.value, None, 0, node.lineno])


def _exported(tree):
    """What `__all__` lists, where it is written out: a star import takes modules of that name too."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            try:
                return [name for name in ast.literal_eval(node.value) if isinstance(name, str)]
            except (ValueError, TypeError):
                return []
    return []


def read_file(path):
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        return {"error": {"message": str(error), "line": 1, "column": 0}}
    digest = hashlib.sha256(source).hexdigest()
    try:
        tree = ast.parse(source, filename=path)
    except SyntaxError as error:
        said = {"message": error.msg, "line": error.lineno or 1, "column": max(0, (error.offset or 1) - 1)}
        return {"digest": digest, "error": said}
    except ValueError as error:
        return {"digest": digest, "error": {"message": str(error), "line": 1, "column": 0}}
    reading = Reading()
    depth = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(depth, 20000))
        reading.read(tree)
    finally:
        sys.setrecursionlimit(depth)
    meaning = hashlib.sha256("\n".join(reading.words).encode("utf-8", "surrogatepass")).hexdigest()
    answer = {
        "digest": digest,
        "meaning": meaning,
        "imports": reading.imports,
        "computed": reading.computed,
        "exported": _exported(tree),
    }
    if b"pipe_stage" in source:
        try:
            answer["declaration"] = declaration_of(tree)
        except Mistake as mistake:
            answer["declaration"] = {"kind": "mistake", **mistake.said}
    return answer


def environment(project):
    """What this interpreter is, and where it looks."""
    import site
    import sysconfig

    stdlib = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    here = os.path.dirname(os.path.abspath(__file__))
    names = getattr(sys, "stdlib_module_names", None)
    if names is None:
        names = set(sys.builtin_module_names)
        for folder in stdlib | {os.path.join(each, "lib-dynload") for each in stdlib}:
            if os.path.isdir(folder):
                names.update(entry.split(".")[0] for entry in os.listdir(folder))
    sites, roots = [], []
    project = os.path.realpath(project)
    for entry in sys.path:
        if not entry or not os.path.isdir(entry) or os.path.abspath(entry) == here:
            continue
        real = os.path.realpath(entry)
        if real in stdlib or os.path.basename(real) == "lib-dynload":
            continue
        is_own = real == project or real.startswith(project + os.sep)
        is_packages = os.path.basename(real) in ("site-packages", "dist-packages")
        (roots if is_own and not is_packages else sites).append(real)
    mapped = {}
    for folder in sites:
        mapped.update(_editable_mappings(folder, project))
    implementation = sys.implementation.name
    version = ".".join(str(part) for part in sys.version_info[:3])
    return {
        "executable": sys.executable,
        "version": version if implementation == "cpython" else implementation + " " + version,
        "sites": sites,
        "roots": roots,
        "mapped": mapped,
        "stdlib": sorted(names),
        "userBase": site.getuserbase() if site.ENABLE_USER_SITE else None,
    }


def _editable_mappings(folder, project):
    """Modules of the project that an editable install finds through a finder of its own."""
    found = {}
    for entry in os.listdir(folder):
        if not (entry.startswith("__editable___") and entry.endswith("_finder.py")):
            continue
        with open(os.path.join(folder, entry), encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in tree.body:
            target = node.target if isinstance(node, ast.AnnAssign) else None
            if isinstance(node, ast.Assign):
                target = node.targets[0]
            if not (isinstance(target, ast.Name) and target.id == "MAPPING" and node.value is not None):
                continue
            for name, path in ast.literal_eval(node.value).items():
                real = os.path.realpath(path)
                if real.startswith(project + os.sep):
                    found[name] = real
    return found


def distributions(sites, names):
    """Which installed distributions give these top-level names."""
    import importlib.metadata

    wanted = set(names)
    found = {name: {} for name in names}
    for dist in importlib.metadata.distributions(path=sites):
        listed = dist.read_text("top_level.txt")
        if listed is not None:
            provided = {line.strip().replace("/", ".").split(".")[0] for line in listed.splitlines() if line.strip()}
        else:
            provided = set()
            for line in (dist.read_text("RECORD") or "").splitlines():
                first = line.split(",", 1)[0].split("/", 1)[0]
                provided.add(first.split(".")[0])
        hit = provided & wanted
        if not hit:
            continue
        folder = getattr(dist, "_path", None)
        record = {
            "version": dist.version,
            "metadata": None if folder is None else os.path.join(str(folder), "METADATA"),
            "editable": '"editable": true' in (dist.read_text("direct_url.json") or ""),
        }
        for name in hit:
            # The first on the path wins, as for imports.
            found[name].setdefault(dist.metadata["Name"], record)
    return found


def answer(question):
    kind = question["ask"]
    if kind == "files":
        return [read_file(path) for path in question["paths"]]
    if kind == "environment":
        return environment(question["project"])
    if kind == "distributions":
        return distributions(question["sites"], question["names"])
    raise ValueError(kind)


def main():
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
