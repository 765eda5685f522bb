"""A data set file of the stage preprocess, as batches for PyTorch: normalised, channels first."""

import json

import numpy as np
import torch
from pipe_stage import StageError
from torch.nn import functional as F

from .tensors import read_tensors


class Images:
    def __init__(self, path, device, kind):
        arrays, metadata = read_tensors(path / "dataset.safetensors" if path.is_dir() else path)
        if metadata.get("format") != "pipe-dataset-1":
            raise StageError(f"{path}: expected a data set", "give the output of the stage preprocess")
        self.pixels = {split: arrays[f"{split}_images"] for split in ("train", "validation", "test")}
        self.labels = {split: arrays[f"{split}_labels"] for split in self.pixels}
        self.shape = self.pixels["train"].shape[1:]
        self.classes = len(json.loads(metadata["class_names"]))
        scale = json.loads(metadata["normalisation"])
        self.mean = torch.tensor(scale["mean"], dtype=kind).view(1, -1, 1, 1)
        self.std = torch.tensor(scale["std"], dtype=kind).view(1, -1, 1, 1)
        self.device = device
        self.kind = kind

    def batch(self, split, samples):
        """Images [batch, channels, height, width] and labels of the samples with these numbers."""
        pixels = torch.from_numpy(self.pixels[split][samples]).permute(0, 3, 1, 2)
        images = (pixels.to(self.kind) / 255 - self.mean) / self.std
        labels = torch.from_numpy(self.labels[split][samples].astype(np.int64))
        return images.contiguous().to(self.device), labels.to(self.device)

    def score(self, network, split, size):
        """Mean loss, accuracy, and class and loss of each sample; four times `None` for an empty split."""
        count = len(self.labels[split])
        if count == 0:
            return None, None, None, None
        network.eval()
        classes, losses = [], []
        with torch.no_grad():
            for begin in range(0, count, size):
                images, labels = self.batch(split, np.arange(begin, min(begin + size, count)))
                logits = network(images)
                classes.append(logits.argmax(1).cpu().numpy())
                losses.append(F.cross_entropy(logits, labels, reduction="none").cpu().numpy())
        classes, losses = np.concatenate(classes), np.concatenate(losses)
        accuracy = float((classes == self.labels[split]).mean())
        return float(losses.astype(np.float64).mean()), accuracy, classes, losses
