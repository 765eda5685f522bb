"""What a Python stage of `pipe` is: a function with `@stage`, whose signature is its declaration.

    from pathlib import Path
    from typing import Literal
    from pipe_stage import File, Run, stage

    @stage(outputs={"weights": File("weights.safetensors")})
    def fit(data: Path, *, lr: float = 0.1, optimizer: Literal["sgd", "sam"] = "sgd", seed: int, run: Run):
        ...
        save(model, run.out("weights"))
        return {"accuracy": accuracy}

Before the star stand inputs, after it parameters; `run` is what the stage may use besides. This is one file without
dependencies, for Python 3.9 and newer. `pipe` puts it on the path of its stages; installing it is for editors alone.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence, TypeVar, overload

__all__ = ["Continues", "File", "Folder", "Input", "Range", "Run", "StageError", "stage"]
__version__ = "1"

_Function = TypeVar("_Function", bound=Callable[..., Any])


class File:
    """An output that is a file. `name` is what it is called; without one, it is called as the output."""

    kind = "file"

    def __init__(self, name: str | None = None, about: str | None = None) -> None:
        self.name = name
        self.about = about


class Folder:
    """An output that is a folder; it is there, and empty, when the stage starts."""

    kind = "folder"

    def __init__(self, name: str | None = None, about: str | None = None) -> None:
        self.name = name
        self.about = about


class Continues:
    """How a result goes on from a shorter one: `Continues("epochs", "state", when={"schedule": "constant"})`.

    Where the whole number `parameter` is smaller and all else is equal, the result is what this one passes through, and
    its output `output`, a folder, holds what a checkpoint would hold then. The stage finds it in `run.checkpoint`, and
    must end in the bytes that it would have given without it. `when`: only where these parameters have these values.
    """

    def __init__(
        self, parameter: str, output: str, when: Mapping[str, str | float | bool | None] | None = None
    ) -> None:
        self.parameter = parameter
        self.output = output
        self.when = dict(when or {})


class Range:
    """Limits of a number: `Annotated[float, Range(above=0, at_most=1)]`."""

    def __init__(
        self,
        *,
        above: float | None = None,
        at_least: float | None = None,
        below: float | None = None,
        at_most: float | None = None,
        multiple_of: float | None = None,
    ) -> None:
        self.above = above
        self.at_least = at_least
        self.below = below
        self.at_most = at_most
        self.multiple_of = multiple_of


class StageError(Exception):
    """A mistake that its user can mend: shown as a message with a hint, without a traceback."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Input(os.PathLike):  # type: ignore[type-arg]
    """What another stage made. It is a path, and knows the cell that it comes from. Its files are read-only."""

    def __init__(
        self, path: str, files: Mapping[str, str], metrics: Mapping[str, float], cell: Mapping[str, Any]
    ) -> None:
        self.path: Path = Path(path)
        """A folder that holds the outputs by their names; the file or folder itself where one output was asked for."""
        self.files: dict[str, Path] = {name: Path(each) for name, each in files.items()}
        """Path of each output, by its declared name."""
        self.metrics: dict[str, float] = {name: float(each) for name, each in metrics.items()}
        """Perhaps not finite."""
        self.cell: dict[str, Any] = dict(cell)
        """One choice per axis: `{"optimizer": "sam", "seed": 1}`."""

    def __fspath__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        return self.path / name

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return "Input({!r}, cell={!r})".format(str(self.path), self.cell)


class Run:
    """What a stage may use besides its inputs and parameters."""

    def __init__(self, task: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._task = task
        self._tell = tell
        self._metrics: dict[str, float] = {}
        self._told_at = -math.inf

    def out(self, name: str) -> Path:
        """Where to write an output. Its parent folders exist; a folder exists itself."""
        outputs = self._task["outputs"]
        if name not in outputs:
            known = ", ".join(outputs) or "none"
            raise StageError("expected an output of this stage, got '{}'".format(name), "known are {}".format(known))
        return Path(outputs[name]["path"])

    def metric(self, name: str, value: float) -> None:
        """Records a metric; the last value of a name counts. One that is not finite is recorded as such."""
        try:
            number = math.nan if isinstance(value, (str, bytes)) else float(value)
        except (TypeError, ValueError):
            number = None
        if number is None or isinstance(value, (str, bytes)):
            raise StageError("expected a number for the metric {}, got {!r}".format(name, value))
        self._metrics[name] = number

    def progress(self, done: float, total: float, unit: str = "steps", **details: object) -> None:
        """Shown while the stage runs: `run.progress(step, steps, loss=loss)`."""
        import time

        now = time.monotonic()
        if done < total and now - self._told_at < 0.1:
            return
        self._told_at = now
        words = ["{} {}".format(name, _short(value)) for name, value in details.items()]
        report: dict[str, Any] = {"done": float(done), "total": float(total), "unit": unit}
        if words:
            report["detail"] = ", ".join(words)[:500]
        self._tell({"progress": report})

    def log(self, line: object) -> None:
        """A line for the log; the same as `print`."""
        print(line, flush=True)

    @property
    def checkpoint(self) -> Path | None:
        """A folder that survives a kill and is handed to the next try, or what a shorter result left to go on from.

        `None` unless `checkpoint=True`, or where `continues` found one.
        """
        folder = self._task["checkpoint"]
        return None if folder is None else Path(folder)

    @property
    def device(self) -> str:
        """The device that was granted, as `torch.device` takes it: `cpu` or `cuda`."""
        return "cuda" if self._task["gpus"] else "cpu"

    @property
    def gpus(self) -> list[int]:
        """Ids of the granted GPUs; they are the only ones that are visible."""
        return list(self._task["gpus"])

    @property
    def cpus(self) -> int:
        """CPU slots granted: how many threads the stage may use."""
        return int(self._task["cpus"])

    @property
    def files(self) -> dict[str, Path]:
        """Files and folders that the pipeline lists under `files`, by their written path."""
        return {name: Path(path) for name, path in self._task["files"].items()}

    @property
    def params(self) -> dict[str, Any]:
        """All parameters, as the pipeline gave them."""
        return dict(self._task["params"])


def _short(value: object) -> str:
    try:
        return "{:.4g}".format(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)


@overload
def stage(function: _Function) -> _Function: ...
@overload
def stage(
    *,
    outputs: Mapping[str, File | Folder] | None = None,
    checkpoint: bool = False,
    continues: Continues | None = None,
    device: bool = False,
    imports: Sequence[str] = (),
    lock: str | None = None,
    about: str | None = None,
) -> Callable[[_Function], _Function]: ...
def stage(function: Any = None, **options: Any) -> Any:
    """Declares a stage. The function stays what it is, and can be called and tested as any other.

    outputs: by name, `File("weights.pt")` or `Folder("plots")`.
    checkpoint: keep a folder (`run.checkpoint`) from one try to the next.
    continues: how a longer result goes on from a shorter one that is in the cache.
    device: the device changes bits, so it is part of the key.
    imports: modules that are imported under computed names, such as `["plugins.*"]`; they count as code.
    lock: a lock file (`uv.lock`, `requirements.txt`) whose every change counts.
    about: one sentence, where the docstring is not it.
    """

    def declare(function: Any) -> Any:
        function.__pipe_stage__ = options
        return function

    return declare if function is None else declare(function)
