"""The declaration of a stage, read from its syntax tree without running it.

What the tree alone cannot say (a pydantic model, a type from another module) gives `{"kind": "dynamic"}`: then the
module is imported once, and `pipe_stage` says the same from the living function.
"""

import ast


class Dynamic(Exception):
    """The syntax tree does not say."""


class Mistake(Exception):
    def __init__(self, message, node, hint=None):
        super().__init__(message)
        self.said = {
            "message": message,
            "hint": hint,
            "line": node.lineno,
            "column": node.col_offset,
            "endLine": getattr(node, "end_lineno", None) or node.lineno,
            "endColumn": getattr(node, "end_col_offset", None) or node.col_offset + 1,
        }


_EXPORTED = ("Continues", "File", "Folder", "Input", "Range", "Run", "StageError", "stage")
_SIMPLE = {"int": {"type": "integer"}, "float": {"type": "number"}, "bool": {"type": "boolean"}, "str": {"type": "string"}}
_LISTS = ("list", "typing.List", "typing.Sequence", "collections.abc.Sequence", "typing.Iterable", "collections.abc.Iterable")
_DICTS = ("dict", "typing.Dict", "typing.Mapping", "collections.abc.Mapping")
_ENUMS = ("enum.Enum", "enum.StrEnum", "enum.IntEnum")
_LIMITS = {
    "above": "exclusiveMinimum",
    "below": "exclusiveMaximum",
    "at_least": "minimum",
    "at_most": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
    "ge": "minimum",
    "le": "maximum",
    "multiple_of": "multipleOf",
}


class Scope:
    """What names of a module stand for, as far as its text says."""

    def __init__(self, tree):
        self.names = {}
        self.classes = {}
        self.values = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    local = alias.asname or alias.name.split(".")[0]
                    self.names[local] = alias.name if alias.asname else local
            elif isinstance(node, ast.ImportFrom):
                dots = "." * node.level
                if node.module == "pipe_stage" and node.names[0].name == "*":
                    self.names.update((name, "pipe_stage." + name) for name in _EXPORTED)
                    continue
                for alias in node.names:
                    self.names[alias.asname or alias.name] = "{}{}.{}".format(dots, node.module or "", alias.name)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
            elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self.values[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                self.values[node.target.id] = node.value
            elif node.__class__.__name__ == "TypeAlias" and not node.type_params:
                self.values[node.name.id] = node.value

    def path(self, node):
        """The dotted name that an expression means: `typing.Literal`; `None` for what is no name."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            base = self.path(node.value)
            return None if base is None else "{}.{}".format(base, node.attr)
        return None

    def value(self, node):
        """A constant, as JSON."""
        if isinstance(node, ast.Constant):
            if node.value is None or isinstance(node.value, (bool, int, float, str)):
                return node.value
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            value = self.value(node.operand)
            if isinstance(value, (int, float)):
                return -value if isinstance(node.op, ast.USub) else value
        elif isinstance(node, (ast.List, ast.Tuple)):
            return [self.value(item) for item in node.elts]
        elif isinstance(node, ast.Dict):
            keys = [None if key is None else self.value(key) for key in node.keys]
            if all(isinstance(key, str) for key in keys):
                return dict(zip(keys, [self.value(item) for item in node.values]))
        elif isinstance(node, ast.Name) and node.id in self.values:
            return self.value(self.values[node.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self.classes:
            members = self.members(self.classes[node.value.id])
            if node.attr in members:
                return members[node.attr]
        elif isinstance(node, ast.Call):
            path = self.path(node.func)
            if path == "pathlib.Path" and len(node.args) == 1:
                return self.value(node.args[0])
            if isinstance(node.func, ast.Name) and node.func.id in self.classes and not node.args:
                if all(keyword.arg is not None for keyword in node.keywords):
                    return {keyword.arg: self.value(keyword.value) for keyword in node.keywords}
        raise Dynamic

    def members(self, node):
        """Of an enumeration: what a pipeline writes, by the member's name. Texts by value, everything else by name."""
        if not any(self.path(base) in _ENUMS for base in node.bases):
            raise Dynamic
        found = {}
        for item in node.body:
            if isinstance(item, ast.Assign) and len(item.targets) == 1 and isinstance(item.targets[0], ast.Name):
                found[item.targets[0].id] = item.value
        if not found:
            raise Dynamic
        is_text = all(isinstance(value, ast.Constant) and isinstance(value.value, str) for value in found.values())
        return {name: value.value if is_text else name for name, value in found.items()}

    def schema(self, node):
        """The JSON Schema of an annotation."""
        if isinstance(node, ast.Constant):
            if node.value is None:
                return {"type": "null"}
            if isinstance(node.value, str):
                try:
                    return self.schema(ast.parse(node.value, mode="eval").body)
                except SyntaxError:
                    raise Dynamic
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return _union([self.schema(node.left), self.schema(node.right)])
        if isinstance(node, ast.Subscript):
            return self._generic(node)
        path = self.path(node)
        if isinstance(node, ast.Name):
            if node.id in self.classes:
                return self._class(self.classes[node.id])
            if node.id in self.values:
                return self.schema(self.values[node.id])
        if path in _SIMPLE:
            return dict(_SIMPLE[path])
        if path == "pathlib.Path":
            return {"type": "string"}
        if path == "typing.Any":
            return {}
        if path in _LISTS or path == "tuple":
            return {"type": "array", "items": {}}
        if path in _DICTS:
            return {"type": "object", "additionalProperties": {}}
        raise Dynamic

    def _generic(self, node):
        path = self.path(node.value)
        inner = node.slice
        if inner.__class__.__name__ == "Index":
            inner = inner.value
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if path in ("typing.Literal", "typing_extensions.Literal"):
            return {"enum": [self.value(part) for part in parts]}
        if path == "typing.Optional":
            return _union([self.schema(parts[0]), {"type": "null"}])
        if path == "typing.Union":
            return _union([self.schema(part) for part in parts])
        if path in ("typing.Annotated", "typing_extensions.Annotated"):
            schema = self.schema(parts[0])
            for part in parts[1:]:
                self._annotate(schema, part)
            return schema
        if path in _LISTS:
            return {"type": "array", "items": self.schema(parts[0])}
        if path in ("tuple", "typing.Tuple"):
            if len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is Ellipsis:
                return {"type": "array", "items": self.schema(parts[0])}
            items = [self.schema(part) for part in parts]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        if path in _DICTS and len(parts) == 2:
            return {"type": "object", "additionalProperties": self.schema(parts[1])}
        raise Dynamic

    def _annotate(self, schema, part):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            schema["description"] = part.value
            return
        if not isinstance(part, ast.Call):
            raise Dynamic
        path = self.path(part.func) or ""
        if path in ("pipe_stage.Range",):
            for keyword in part.keywords:
                if keyword.arg not in _LIMITS:
                    raise Dynamic
                schema[_LIMITS[keyword.arg]] = self.value(keyword.value)
            if part.args:
                raise Dynamic
        elif path.startswith("annotated_types.") and path.split(".")[1].lower() in _LIMITS and len(part.args) == 1:
            schema[_LIMITS[path.split(".")[1].lower()]] = self.value(part.args[0])
        else:
            raise Dynamic

    def _class(self, node):
        if any(self.path(base) in _ENUMS for base in node.bases):
            return {"enum": list(self.members(node).values())}
        is_dataclass = False
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self.path(called) != "dataclasses.dataclass":
                raise Dynamic
            is_dataclass = True
        if not is_dataclass or node.bases:
            raise Dynamic
        properties, required = {}, []
        for item in node.body:
            if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
                continue
            if isinstance(item.annotation, ast.Subscript) and self.path(item.annotation.value) == "typing.ClassVar":
                continue
            schema = self.schema(item.annotation)
            name = item.target.id
            if item.value is None:
                required.append(name)
            else:
                schema["default"] = self._field_default(item.value)
            properties[name] = _allow_default(schema)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _field_default(self, node):
        if not (isinstance(node, ast.Call) and self.path(node.func) == "dataclasses.field"):
            return self.value(node)
        for keyword in node.keywords:
            if keyword.arg == "default":
                return self.value(keyword.value)
            if keyword.arg == "default_factory":
                path = self.path(keyword.value)
                if path in ("list", "tuple"):
                    return []
                if path == "dict" or path in self.classes:
                    return {}
                if isinstance(keyword.value, ast.Lambda):
                    return self.value(keyword.value.body)
        raise Dynamic


def _union(schemas):
    options = []
    for schema in schemas:
        options.extend(schema["anyOf"] if set(schema) == {"anyOf"} else [schema])
    return {"anyOf": options}


def _allow_default(schema):
    """`x: float = None` means what it does."""
    if "default" in schema and schema["default"] is None:
        plain = {key: value for key, value in schema.items() if key not in ("default", "description")}
        if plain and not _allows_null(plain):
            kept = {key: schema[key] for key in ("default", "description") if key in schema}
            return {"anyOf": [plain, {"type": "null"}], **kept}
    return schema


def _allows_null(schema):
    return (
        schema.get("type") == "null"
        or None in schema.get("enum", [])
        or any(_allows_null(option) for option in schema.get("anyOf", []))
    )


def declaration_of(tree):
    """`None` where the module declares no stage."""
    scope = Scope(tree)
    found = []
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if scope.path(called) == "pipe_stage.stage":
                found.append((node, decorator))
    if not found:
        return None
    if len(found) > 1:
        node = found[1][0]
        raise Mistake(
            "expected one stage in a file, got {} and {}".format(found[0][0].name, node.name),
            found[1][1],
            "give each a file of its own; what they share is imported by both",
        )
    node, decorator = found[0]
    if isinstance(node, ast.AsyncFunctionDef):
        raise Mistake("expected a plain function as a stage, got an async one", decorator, "call asyncio.run inside it")
    try:
        return _declare(scope, node, decorator, tree)
    except Dynamic:
        return {"kind": "dynamic", "function": node.name, "line": node.lineno, "imports": _named_imports(scope, decorator)}


def _named_imports(scope, decorator):
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
        if keyword.arg == "imports":
            try:
                return scope.value(keyword.value)
            except Dynamic:
                raise Mistake("expected a list of module names", keyword.value, 'such as imports=["plugins.*"]')
    return []


_OPTIONS = ("outputs", "checkpoint", "continues", "device", "imports", "lock", "about")


def _declare(scope, node, decorator, tree):
    options = {}
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
        if keyword.arg is None:
            raise Dynamic
        if keyword.arg not in _OPTIONS:
            raise Mistake(
                "expected an option of @stage, got {}".format(keyword.arg),
                keyword.value,
                "known are {}".format(", ".join(_OPTIONS)),
            )
        options[keyword.arg] = keyword.value
    if isinstance(decorator, ast.Call) and decorator.args:
        raise Mistake("expected options of @stage by name", decorator.args[0], "such as outputs={…}")
    documented = parse_docstring(ast.get_docstring(node) or "")
    about = scope.value(options["about"]) if "about" in options else documented[0]
    inputs, parameters = _arguments(scope, node)
    holds = {name: documented[1][name] for name in inputs if name in documented[1]}
    outputs = {}
    if "outputs" in options:
        outputs, described = _outputs(scope, options["outputs"])
        holds.update(described)
    properties, required = {}, []
    for argument, default in parameters:
        schema = _parameter(scope, argument, default)
        if argument.arg in documented[1] and "description" not in schema:
            schema["description"] = documented[1][argument.arg]
        if default is None:
            required.append(argument.arg)
        properties[argument.arg] = schema
    return {
        "kind": "static",
        "function": node.name,
        "line": node.lineno,
        "about": about or _module_about(tree) or "",
        "inputs": inputs,
        "outputs": outputs,
        "holds": holds,
        "params": {"type": "object", "properties": properties, "required": required},
        "device": _flag(scope, options, "device"),
        "checkpoint": _flag(scope, options, "checkpoint"),
        "continues": _continues(scope, options["continues"], properties, outputs) if "continues" in options else None,
        "imports": _named_imports(scope, decorator),
        "lock": scope.value(options["lock"]) if "lock" in options else None,
    }


def _continues(scope, node, properties, outputs):
    if isinstance(node, ast.Name) and node.id in scope.values:
        node = scope.values[node.id]
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, (ast.Name, ast.Attribute)):
        raise Dynamic
    if not isinstance(node, ast.Call) or scope.path(node.func) != "pipe_stage.Continues":
        raise Mistake("expected Continues(…)", node, 'such as continues=Continues("epochs", "state")')
    words = [scope.value(each) for each in node.args]
    given = dict(zip(("parameter", "output", "when"), words))
    given.update({each.arg: scope.value(each.value) for each in node.keywords})
    said = {"parameter": given.get("parameter"), "from": given.get("output"), "when": given.get("when") or {}}
    problem = problem_of_continues(said, properties, outputs)
    if problem is not None:
        raise Mistake(problem[0], node, problem[1])
    return said


def problem_of_continues(said, properties, outputs):
    """What is wrong with it, and a hint; `None` where nothing is."""
    known = "known are {}".format(", ".join(properties) or "none")
    schema = properties.get(said["parameter"]) if isinstance(said["parameter"], str) else None
    if schema is None:
        return "expected a parameter of this stage to continue by, got {!r}".format(said["parameter"]), known
    if schema.get("type") != "integer":
        return "expected a whole number to continue by, got {}".format(said["parameter"]), "annotate it as int"
    output = outputs.get(said["from"]) if isinstance(said["from"], str) else None
    if output != "folder" and not (isinstance(output, dict) and output["kind"] == "folder"):
        folder = "it holds what a checkpoint would hold; declare it as Folder()"
        return "expected an output that is a folder to continue from, got {!r}".format(said["from"]), folder
    if not isinstance(said["when"], dict):
        return "expected parameters with their values for when, got {!r}".format(said["when"]), None
    stranger = next((name for name in said["when"] if name not in properties), None)
    return None if stranger is None else ("expected parameters in when, got {!r}".format(stranger), known)


def _flag(scope, options, name):
    if name not in options:
        return False
    value = scope.value(options[name])
    if not isinstance(value, bool):
        raise Mistake("expected True or False for {}".format(name), options[name])
    return value


def _module_about(tree):
    return parse_docstring(ast.get_docstring(tree) or "")[0]


def _arguments(scope, node):
    arguments = node.args
    for extra, sign in ((arguments.vararg, "*"), (arguments.kwarg, "**")):
        if extra is not None:
            raise Mistake(
                "expected every parameter by its name, got {}{}".format(sign, extra.arg),
                extra,
                "a stage declares each parameter, so that a pipeline's mistakes are found before it runs",
            )
    inputs = {}
    positional = arguments.posonlyargs + arguments.args
    without_default = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional):
        if is_run(scope, argument):
            continue
        default = arguments.defaults[index - without_default] if index >= without_default else None
        inputs[argument.arg] = _arity(scope, argument, default)
    parameters = []
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        if not is_run(scope, argument):
            parameters.append((argument, default))
    return inputs, parameters


def is_run(scope, argument):
    annotation = argument.annotation
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value.split(".")[-1] == "Run"
    return scope.path(annotation) == "pipe_stage.Run" if annotation is not None else argument.arg == "run"


_FILES = ("pathlib.Path", "pipe_stage.Input", "str", "os.PathLike")


def _arity(scope, argument, default):
    """Before the star stand inputs: files and folders that other stages make."""
    node = argument.annotation
    has_none = isinstance(default, ast.Constant) and default.value is None
    if default is not None and not has_none:
        raise Mistake(
            "expected an input before the star, got {} with a default".format(argument.arg),
            argument,
            "parameters come after a star: def {}(data: Path, *, {}=…)".format("stage", argument.arg),
        )
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    if node is None:
        return "optional" if has_none else "one"
    options = _options(scope, node)
    is_optional = has_none or any(isinstance(each, ast.Constant) and each.value is None for each in options)
    kinds = [each for each in options if not (isinstance(each, ast.Constant) and each.value is None)]
    if len(kinds) == 1:
        kind = kinds[0]
        if scope.path(kind) in _FILES:
            return "optional" if is_optional else "one"
        if isinstance(kind, ast.Subscript) and scope.path(kind.value) in _LISTS + ("tuple", "typing.Tuple"):
            return "each"
        if scope.path(kind) in _LISTS:
            return "each"
    raise Mistake(
        "expected Path, Input, list[Input] or Input | None for the input {}".format(argument.arg),
        node if hasattr(node, "lineno") and argument.annotation is node else argument,
        "what stands before the star is an input; parameters come after it: (data: Path, *, {}: …)".format(argument.arg),
    )


def _options(scope, node):
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _options(scope, node.left) + _options(scope, node.right)
    if isinstance(node, ast.Subscript) and scope.path(node.value) in ("typing.Optional", "typing.Union"):
        inner = node.slice
        if inner.__class__.__name__ == "Index":
            inner = inner.value
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        found = [option for part in parts for option in _options(scope, part)]
        return found + ([ast.Constant(value=None)] if scope.path(node.value) == "typing.Optional" else [])
    return [node]


def _outputs(scope, node):
    if isinstance(node, ast.Name) and node.id in scope.values:
        node = scope.values[node.id]
    if not isinstance(node, ast.Dict):
        raise Dynamic
    outputs, holds = {}, {}
    for key, value in zip(node.keys, node.values):
        name = scope.value(key) if key is not None else None
        if not isinstance(name, str):
            raise Dynamic
        called = value.func if isinstance(value, ast.Call) else value
        kind = {"pipe_stage.File": "file", "pipe_stage.Folder": "folder"}.get(scope.path(called) or "")
        if kind is None:
            raise Mistake("expected File(…) or Folder(…) for the output {}".format(name), value)
        words = [scope.value(arg) for arg in value.args] if isinstance(value, ast.Call) else []
        named = {keyword.arg: scope.value(keyword.value) for keyword in value.keywords} if isinstance(value, ast.Call) else {}
        path = words[0] if words else named.get("name")
        about = words[1] if len(words) > 1 else named.get("about")
        outputs[name] = {"kind": kind, "name": path} if path is not None else kind
        if about is not None:
            holds[name] = about
    return outputs, holds


def _parameter(scope, argument, default):
    schema = scope.schema(argument.annotation) if argument.annotation is not None else None
    if default is None:
        return {} if schema is None else schema
    value = scope.value(default)
    if schema is None:
        schema = schema_of_value(value)
    schema["default"] = value
    return _allow_default(schema)


def schema_of_value(value):
    """Without an annotation, the default says what kind of value is meant."""
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        return {"type": "number"}
    if isinstance(value, str):
        return {"type": "string"}
    if isinstance(value, list):
        return {"type": "array", "items": {}}
    if isinstance(value, dict):
        return {"type": "object", "additionalProperties": {}}
    return {}


def parse_docstring(text):
    """The first paragraph, and what is said of each argument: Google's `Args:`, Sphinx's `:param x:`, NumPy's list."""
    lines = text.expandtabs().splitlines()
    about = []
    for line in lines:
        if not line.strip():
            break
        about.append(line.strip())
    arguments = {}
    current, indent, in_arguments = None, 0, False
    for index, line in enumerate(lines):
        words = line.strip()
        depth = len(line) - len(line.lstrip())
        if words.startswith(":param ") and ":" in words[7:]:
            name, said = words[7:].split(":", 1)
            current = name.split()[-1]
            arguments[current] = said.strip()
            continue
        if words in ("Args:", "Arguments:", "Parameters:", "Inputs:", "Parameters"):
            in_arguments, current, indent = True, None, depth
            continue
        if not in_arguments or not words or set(words) <= {"-"}:
            continue
        if depth <= indent and words.endswith(":") or (depth <= indent and index + 1 < len(lines) and set(lines[index + 1].strip()) == {"-"}):
            in_arguments = False
            continue
        head, colon, said = words.partition(":")
        name = head.split("(")[0].strip()
        if colon and name.isidentifier() and (current is None or depth <= arguments_depth):
            current, arguments_depth = name, depth
            arguments[current] = said.strip()
        elif current is not None:
            arguments[current] = (arguments[current] + " " + words).strip()
    return " ".join(about), arguments
