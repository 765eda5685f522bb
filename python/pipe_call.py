"""One call of a stage's function: JSON becomes what its annotations say, exceptions become what people can read."""

import dataclasses
import enum
import inspect
import math
import os
import sys
import traceback
import typing
from pathlib import Path

import pipe_stage


def call(function, run, task):
    """What the task gave, as JSON, and the exit code of its process; nothing where the process is to end by itself."""
    try:
        result = function(**arguments_of(function, run, task))
        collect(run, result)
        return gain_of(run, task), 0
    except SystemExit as error:
        if error.code is None or error.code == 0:
            return gain_of(run, task), 0
        if isinstance(error.code, int):
            return None, error.code & 255
        print(error.code, file=sys.stderr)
        return None, 1
    except BaseException as error:
        return {"ok": False, "failure": failure_of(error, task["codeFolder"])}, 0


def gain_of(run, task):
    metrics = {name: value if math.isfinite(value) else word_of(value) for name, value in run._metrics.items()}
    return {"ok": True, "metrics": metrics, "device": device_of(task), **usage()}


def word_of(value):
    """JSON has no word for a number that is not finite."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def usage():
    """CPU time with that of children, and the most memory at once, as far as the system tells."""
    try:
        import resource

        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu = round(sum(each.ru_utime + each.ru_stime for each in used) * 1000)
    except (ImportError, OSError):
        cpu = None
    try:
        with open("/proc/self/status") as status:
            peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        peak = None
    return {"cpuMs": cpu, "peakBytes": peak}


def device_of(task):
    """The device that did the work, as far as the process can tell."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        return "cuda"
    return "cuda" if task["gpus"] else "cpu"


def arguments_of(function, run, task):
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        hint = hint_of(function, parameter)
        name = parameter.name
        if is_run(parameter, hint):
            arguments[name] = run
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if name in task["params"]:
                arguments[name] = convert(task["params"][name], hint, name)
        elif name in task["inputs"]:
            arguments[name] = input_of(task["inputs"][name], hint)
        elif parameter.default is inspect.Parameter.empty:
            arguments[name] = None
    return arguments


def is_run(parameter, hint):
    if parameter.annotation is inspect.Parameter.empty:
        return parameter.name == "run"
    return hint is pipe_stage.Run or hint == "Run"


def hint_of(function, parameter):
    """The annotation, or `None` where it cannot be had now: names that only type checkers see."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return None
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, dict(getattr(function, "__globals__", {})))
        except Exception:
            return annotation.split(".")[-1] if annotation.split(".")[-1] == "Run" else None
    return annotation


def input_of(given, hint):
    takes_input = "Input" in repr(hint)
    make = lambda each: (
        pipe_stage.Input(each["path"], each["files"], each["metrics"], each["cell"])
        if takes_input
        else Path(each["path"])
    )
    if given["kind"] == "one":
        return make(given["input"])
    return [make(each) for each in given["inputs"]]


def is_union(origin):
    return origin is typing.Union or origin is getattr(__import__("types"), "UnionType", typing.Union)


def convert(value, hint, name):
    """A checked JSON value as the type that the annotation asks for."""
    if hint is None or value is None:
        return value
    origin = typing.get_origin(hint)
    if hint.__class__.__name__ == "TypeAliasType":
        return convert(value, hint.__value__, name)
    if getattr(hint, "__metadata__", None) is not None and origin is not None and hasattr(hint, "__origin__"):
        validated = with_pydantic(value, hint)
        return convert(validated, hint.__origin__, name) if validated is value else validated
    if is_union(origin):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        for option in sorted(options, key=lambda each: not fits(value, each)):
            try:
                return convert(value, option, name)
            except (TypeError, ValueError, KeyError):
                continue
        return value
    if origin in (list, typing.Sequence) or getattr(origin, "__name__", "") in ("Sequence", "Iterable"):
        (inner,) = typing.get_args(hint) or (None,)
        return [convert(each, inner, name) for each in value]
    if origin is tuple:
        inner = typing.get_args(hint)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(convert(each, inner[0], name) for each in value)
        return tuple(convert(each, part, name) for each, part in zip(value, inner))
    if origin is not None and isinstance(value, dict):
        parts = typing.get_args(hint)
        return {key: convert(each, parts[1] if len(parts) == 2 else None, name) for key, each in value.items()}
    if not isinstance(hint, type):
        return value
    if hint is float:
        return float(value)
    if hint is tuple:
        return tuple(value)
    if issubclass(hint, enum.Enum):
        is_text = all(isinstance(member.value, str) for member in hint)
        return hint(value) if is_text else hint[value]
    if issubclass(hint, Path):
        return hint(value)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        fields = {field.name: field for field in dataclasses.fields(hint)}
        types = field_types(hint)
        return hint(**{key: convert(each, types.get(key), name) for key, each in value.items() if key in fields})
    if hasattr(hint, "model_validate"):
        return hint.model_validate(value)
    return value


def field_types(cls):
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:
        return {}


def with_pydantic(value, hint):
    """Limits and validators of pydantic on a plain type."""
    if not any(type(part).__module__.startswith("pydantic") for part in hint.__metadata__):
        return value
    from pydantic import TypeAdapter

    return TypeAdapter(hint).validate_python(value)


def fits(value, option):
    kinds = {bool: bool, int: int, float: (int, float), str: str, list: list, dict: dict}
    wanted = kinds.get(typing.get_origin(option) or option)
    return wanted is not None and isinstance(value, wanted) and not (isinstance(value, bool) and option is not bool)


def collect(run, result):
    if result is None:
        return
    if not isinstance(result, typing.Mapping):
        raise pipe_stage.StageError(
            "expected the stage to return its metrics, got {}".format(type(result).__name__),
            "return a dict of names and numbers, such as {\"accuracy\": 0.97}, or nothing",
        )
    for name, value in result.items():
        if not isinstance(name, str):
            raise pipe_stage.StageError("expected text as the name of a metric, got {!r}".format(name))
        run.metric(name, value)


def failure_of(error, folder):
    if isinstance(error, pipe_stage.StageError):
        return {"reason": "mistake", "message": str(error), "hint": error.hint}
    said = "".join(traceback.format_exception_only(type(error), error)).strip()
    return {"reason": "threw", "message": shown(said, folder), "stack": stack_of(error, folder)}


HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def shown(text, folder):
    """Paths as their author knows them."""
    return text.replace(folder + os.sep, "")


def stack_of(error, folder):
    """The part of the traceback that is the project's, and below it the line where it went wrong."""
    parts = []
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(HERE)]
        frames = [frame for frame in frames if "importlib" not in frame.filename]
        own = [frame for frame in frames if frame.filename.startswith(folder + os.sep)] or frames
        left_out = len(frames) - len(own)
        lines = ["Traceback (most recent call last):\n"] if own else []
        lines += traceback.format_list(own)
        if left_out > 0:
            lines.append("  ({} {} of installed packages)\n".format(left_out, "frame" if left_out == 1 else "frames"))
        lines += traceback.format_exception_only(type(error), error)
        parts.append(shown("".join(lines).rstrip(), folder))
        cause = error.__cause__
        if cause is None and not error.__suppress_context__:
            cause = error.__context__
        error = cause
    return "\n\n".join(reversed(parts))
