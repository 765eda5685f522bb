"""The training of pipe's stage `train` once more, in PyTorch: the same data, initial weights and order of batches."""

import csv
import math
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pipe_stage import File, Range, Run, StageError, stage
from torch.nn import functional as F

from .images import Images
from .models import SimpleNN, WideResNet, follow_statistics, load, saved
from .tensors import read_tensors, write_tensors

SPLITS = ["train", "validation", "test"]
COLUMNS = ["epoch", "lr", *(f"{split}_{what}" for split in SPLITS for what in ("loss", "accuracy"))]


@stage(
    outputs={
        "weights": File("weights.safetensors", "as of train"),
        "curve": File("curve.csv", "as of train"),
        "predictions": File("predictions.safetensors", "as of train"),
        "losses": File("losses.csv", "CSV, one row per step of the first ones: step, loss, as of first-steps"),
    },
    device=True,
)
def train(
    data: Path,
    start: Path,
    *,
    model: Literal["simple-nn", "wide-resnet"] = "simple-nn",
    hidden: list[int] = [512, 512],
    depth: int = 28,
    width: int = 10,
    optimizer: Literal["sgd", "sam"] = "sgd",
    lr: Annotated[float, Range(above=0)] = 0.1,
    momentum: Annotated[float, Range(at_least=0, below=1)] = 0.9,
    nesterov: bool = False,
    weight_decay: Annotated[float, Range(at_least=0)] = 0.0,
    weight_decay_on: Literal["all", "weights"] = "all",
    rho: Annotated[float, Range(at_least=0)] = 0.05,
    norm_epsilon: Annotated[float, Range(at_least=0)] = 1e-12,
    epochs: Annotated[int, Range(at_least=1)] = 200,
    batch_size: Annotated[int, Range(at_least=1)] = 128,
    schedule: Literal["constant", "step", "cosine", "linear"] = "constant",
    schedule_at: list[float] = [0.3, 0.6, 0.8],
    schedule_factor: Annotated[float, Range(above=0)] = 0.2,
    schedule_end: Annotated[float, Range(at_least=0)] = 0.0,
    warmup_epochs: Annotated[float, Range(at_least=0)] = 0.0,
    label_smoothing: Annotated[float, Range(at_least=0, below=1)] = 0.0,
    evaluation_batch: Annotated[int, Range(at_least=1)] = 250,
    precision: Literal["single", "double"] = "single",
    steps: Annotated[int, Range(at_least=1)] = 50,
    seed: int = 0,
    run: Run,
):
    """Trains as the stage `train` does, in PyTorch, from the same start; without dropout and augmentation.

    Args:
        precision: double tells what of a difference is rounding
        steps: how many losses of first steps to write down
        seed: names the cell; what is random comes from `start`
    """
    kind = torch.float64 if precision == "double" else torch.float32
    images = Images(data, run.device, kind)
    arrays, _ = read_tensors(start)
    order = arrays["order"]
    if len(order) < epochs:
        message = f"expected the order of {epochs} epochs in start, got {len(order)}"
        raise StageError(message, "give first-steps the same epochs")
    network = (
        SimpleNN(images.shape, images.classes, hidden)
        if model == "simple-nn"
        else WideResNet(images.shape, images.classes, depth, width)
    )
    load(network, {name.split("/", 1)[1]: array for name, array in arrays.items() if "/" in name})
    network.to(run.device, kind)
    parameters = list(network.parameters())
    # Biases and the parameters of batch norm are vectors.
    decays = [each for each in parameters if weight_decay_on == "all" or each.dim() > 1]
    rest = [each for each in parameters if all(each is not other for other in decays)]
    groups = [{"params": decays, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    descent = torch.optim.SGD([each for each in groups if each["params"]], lr, momentum, nesterov=nesterov)

    def gradients(batch, labels):
        """Leaves the gradients in the parameters; the answer is the mean loss and how many were right."""
        descent.zero_grad()
        logits = network(batch)
        loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        loss.backward()
        return loss.item(), int((logits.argmax(1) == labels).sum())

    def take_step(batch, labels):
        follow_statistics(network, True)
        loss, correct = gradients(batch, labels)
        if optimizer == "sam" and rho > 0:
            with torch.no_grad():
                norm = torch.stack([each.grad.square().sum() for each in parameters]).sum().sqrt()
                before = [each.clone() for each in parameters]
                for each in parameters:
                    each.add_(each.grad * (rho / (norm + norm_epsilon)))
            follow_statistics(network, False)
            gradients(batch, labels)
            with torch.no_grad():
                for each, old in zip(parameters, before):
                    each.copy_(old)
        descent.step()
        return loss, correct

    per_epoch = math.ceil(order.shape[1] / batch_size)
    rate = learning_rate(
        lr, schedule, schedule_at, schedule_factor, schedule_end, round(warmup_epochs * per_epoch), epochs * per_epoch
    )
    first, curve = [], []
    for epoch in range(epochs):
        network.train()
        total = right = seen = 0
        for index in range(per_epoch):
            number = epoch * per_epoch + index
            for group in descent.param_groups:
                group["lr"] = rate(number)
            samples = order[epoch, index * batch_size : (index + 1) * batch_size]
            loss, correct = take_step(*images.batch("train", samples))
            total, right, seen = total + loss * len(samples), right + correct, seen + len(samples)
            if number < steps:
                first.append([number + 1, loss])
            run.progress(number + 1, epochs * per_epoch, loss=total / seen)
        scores = {split: images.score(network, split, evaluation_batch) for split in ("validation", "test")}
        row = [epoch + 1, rate((epoch + 1) * per_epoch - 1), total / seen, right / seen]
        curve.append(row + [each for split in scores.values() for each in split[:2]])
        if not math.isfinite(total):
            break
    diverged = not math.isfinite(total)
    write_csv(run.out("curve"), COLUMNS, curve)
    write_csv(run.out("losses"), ["step", "loss"], first)
    write_tensors(run.out("weights"), saved(network.float().cpu()), {"format": "pipe-weights-1"})
    write_tensors(run.out("predictions"), predictions_of(images, scores), {"format": "pipe-predictions-1"})
    last = dict(zip(COLUMNS[2:], curve[-1][2:]))
    metrics = {} if diverged else {name: value for name, value in last.items() if value is not None}
    return {**metrics, "diverged": int(diverged), "epochs": len(curve), "torch_threads": torch.get_num_threads()}


def learning_rate(lr, schedule, at, factor, end, warmup, steps):
    """The rate of each step, from 0."""

    def factor_at(fraction):
        if schedule == "step":
            return factor ** sum(fraction >= each - 1e-9 for each in at)
        if schedule == "cosine":
            return end + (1 - end) * (1 + math.cos(math.pi * fraction)) / 2
        return 1 + (end - 1) * fraction if schedule == "linear" else 1.0

    length = max(1, steps - warmup)
    return lambda step: lr * (step + 1) / warmup if step < warmup else lr * factor_at((step - warmup) / length)


def predictions_of(images, scores):
    arrays = {}
    for split, (loss, _, classes, losses) in scores.items():
        if loss is None:
            continue
        prefix = "" if split == "test" else split + "_"
        arrays[prefix + "predictions"] = classes.astype(np.int32)
        arrays[prefix + "labels"] = images.labels[split].astype(np.int32)
        arrays[prefix + "losses"] = losses.astype(np.float32)
    return arrays


def write_csv(path, columns, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
