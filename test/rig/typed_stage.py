from pathlib import Path
from typing import Annotated, Literal

from pipe_stage import File, Folder, Input, Range, Run, StageError, stage


@stage(outputs={"weights": File("weights.bin", "all of them"), "plots": Folder()}, checkpoint=True, device=True)
def fit(
    data: Path,
    runs: list[Input],
    extra: Input | None = None,
    *,
    lr: Annotated[float, Range(above=0, at_most=1)] = 0.1,
    optimizer: Literal["sgd", "sam"] = "sgd",
    run: Run,
) -> dict[str, float]:
    """Trains."""
    if extra is not None and not (extra / "x").exists():
        raise StageError("no x", "make one")
    run.progress(1, 2, loss=0.5)
    run.metric("loss", 0.5)
    place: Path = run.out("weights")
    place.write_bytes(b"")
    best: float = max(each.metrics["accuracy"] for each in runs)
    folder: Path | None = run.checkpoint
    run.log(f"{folder} {run.cpus} {run.device} {run.gpus} {run.files} {run.params} {runs[0].cell}")
    return {"best": best}


@stage
def plain(data: Path, *, n: int) -> None:
    """No options."""


result: dict[str, float] = fit(Path("."), [], lr=0.2, run=None)  # type: ignore[arg-type]
plain(Path("."), n=1)
