"""The declaration of a stage from its living function, where its text alone does not say: the module is imported.

`python pipe_describe.py`, with the setup of a template as a line of JSON on standard input; the answer is a line of
JSON in the form of `pipe_declaration`. What the module prints goes to standard error.
"""

import dataclasses
import enum
import inspect
import json
import os
import sys
import typing
from pathlib import Path

import pipe_stage
from pipe_call import failure_of, hint_of, is_run, is_union
from pipe_declaration import _allow_default, _union, parse_docstring, problem_of_continues, schema_of_value
from pipe_template import load

_PLAIN = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"}
_RANGE = {
    "above": "exclusiveMinimum",
    "at_least": "minimum",
    "below": "exclusiveMaximum",
    "at_most": "maximum",
    "multiple_of": "multipleOf",
}


def schema_of(hint, name):
    if hint is None or hint is typing.Any:
        return {}
    if hint.__class__.__name__ == "TypeAliasType":
        return schema_of(hint.__value__, name)
    metadata = getattr(hint, "__metadata__", None)
    if metadata is not None:
        if any(type(part).__module__.startswith("pydantic") for part in metadata):
            return by_pydantic(hint)
        schema = schema_of(hint.__origin__, name)
        for part in metadata:
            annotate(schema, part)
        return schema
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"enum": list(parts)}
    if is_union(origin):
        return _union([schema_of(part, name) for part in parts])
    if origin is tuple and not (len(parts) == 2 and parts[1] is Ellipsis):
        items = [schema_of(part, name) for part in parts]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if hint in (list, tuple) or origin in (list, tuple) or getattr(origin, "__name__", "") in ("Sequence", "Iterable"):
        return {"type": "array", "items": schema_of(parts[0], name) if parts else {}}
    if hint is dict or origin is dict or getattr(origin, "__name__", "") == "Mapping":
        return {"type": "object", "additionalProperties": schema_of(parts[1], name) if len(parts) == 2 else {}}
    if isinstance(hint, type):
        if issubclass(hint, enum.Enum):
            is_text = all(isinstance(member.value, str) for member in hint)
            return {"enum": [member.value if is_text else member.name for member in hint]}
        if issubclass(hint, Path):
            return {"type": "string"}
        if hasattr(hint, "model_json_schema"):
            return by_pydantic(hint)
        if dataclasses.is_dataclass(hint):
            return of_dataclass(hint, name)
    raise pipe_stage.StageError(
        "expected a type that a pipeline can write for {}, got {}".format(name, getattr(hint, "__name__", hint)),
        "int, float, bool, str, Literal, Enum, list, dict, Optional, Path, dataclasses and pydantic models",
    )


def by_pydantic(hint):
    from pydantic import TypeAdapter

    return TypeAdapter(hint).json_schema()


def annotate(schema, part):
    if isinstance(part, str):
        schema["description"] = part
    elif isinstance(part, pipe_stage.Range):
        for name, keyword in _RANGE.items():
            if getattr(part, name) is not None:
                schema[keyword] = getattr(part, name)
    elif type(part).__module__ == "annotated_types":
        keyword = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
        for name, word in keyword.items():
            if hasattr(part, name):
                schema[word] = getattr(part, name)


def of_dataclass(cls, name):
    hints = typing.get_type_hints(cls, include_extras=True)
    properties, required = {}, []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        schema = schema_of(hints.get(field.name), "{}.{}".format(name, field.name))
        if field.default is not dataclasses.MISSING:
            schema["default"] = plain(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            schema["default"] = plain(field.default_factory())
        else:
            required.append(field.name)
        properties[field.name] = _allow_default(schema)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def plain(value):
    """A default as JSON."""
    if value is None or isinstance(value, (bool, int, float, str)) and not isinstance(value, enum.Enum):
        return value
    if isinstance(value, enum.Enum):
        return value.value if all(isinstance(member.value, str) for member in type(value)) else value.name
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    raise pipe_stage.StageError("expected a default that a pipeline can write, got {!r}".format(value))


def describe(function):
    options = getattr(function, "__pipe_stage__", {})
    about, documented = parse_docstring(inspect.getdoc(function) or "")
    inputs, properties, required = {}, {}, []
    for parameter in inspect.signature(function).parameters.values():
        hint = hint_of(function, parameter)
        name = parameter.name
        if is_run(parameter, hint):
            continue
        has_default = parameter.default is not inspect.Parameter.empty
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            inputs[name] = arity(hint, has_default)
            continue
        if hint is None and parameter.annotation is inspect.Parameter.empty and has_default:
            schema = schema_of_value(plain(parameter.default))
        else:
            schema = schema_of(hint, name)
        if has_default:
            schema["default"] = plain(parameter.default)
        else:
            required.append(name)
        if name in documented:
            schema.setdefault("description", documented[name])
        properties[name] = _allow_default(schema)
    outputs, holds = {}, {name: documented[name] for name in inputs if name in documented}
    for name, output in (options.get("outputs") or {}).items():
        output = output() if isinstance(output, type) else output
        outputs[name] = output.kind if output.name is None else {"kind": output.kind, "name": output.name}
        if output.about is not None:
            holds[name] = output.about
    continues = options.get("continues")
    if continues is not None:
        continues = {"parameter": continues.parameter, "from": continues.output, "when": plain(continues.when)}
        problem = problem_of_continues(continues, properties, outputs)
        if problem is not None:
            raise pipe_stage.StageError(*problem)
    return {
        "kind": "static",
        "function": function.__name__,
        "line": 0,
        "about": options.get("about") or about,
        "inputs": inputs,
        "outputs": outputs,
        "holds": holds,
        "params": {"type": "object", "properties": properties, "required": required},
        "device": bool(options.get("device", False)),
        "checkpoint": bool(options.get("checkpoint", False)),
        "continues": continues,
        "imports": list(options.get("imports", ())),
        "lock": options.get("lock"),
    }


def arity(hint, has_default):
    options = typing.get_args(hint) if is_union(typing.get_origin(hint)) else (hint,)
    kinds = [option for option in options if option is not type(None)]
    origin = typing.get_origin(kinds[0]) if kinds else None
    if kinds and (kinds[0] in (list, tuple) or origin in (list, tuple) or getattr(origin, "__name__", "") == "Sequence"):
        return "each"
    return "optional" if has_default or len(kinds) < len(options) else "one"


def main():
    out = os.dup(1)
    os.dup2(2, 1)
    setup = json.loads(sys.stdin.readline())
    try:
        said = describe(load(setup))
    except BaseException as error:
        said = {"kind": "failed", "failure": failure_of(error, setup["folder"])}
    os.write(out, (json.dumps(said) + "\n").encode())


if __name__ == "__main__":
    main()
