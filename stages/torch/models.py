"""SimpleNN and Wide ResNet as modules of PyTorch, whose parameters have the names that the stages of pipe give them.

Files hold dense weights as [inputs, outputs] and kernels as [height, width, inputs, outputs]; PyTorch has them the
other way round, and images with their channels first.
"""

import torch
from torch import nn
from torch.nn import functional as F


class SimpleNN(nn.Module):
    """Pixels, hidden layers with ReLU, logits."""

    def __init__(self, shape, classes, hidden):
        super().__init__()
        height, width, channels = shape
        widths = [height * width * channels, *hidden, classes]
        self.count = len(widths) - 1
        for index in range(self.count):
            self.add_module(f"dense{index + 1}", nn.Linear(widths[index], widths[index + 1]))

    def forward(self, images):
        # Files have channels last, and the first layer's rows follow their order.
        x = images.permute(0, 2, 3, 1).flatten(1)
        for index in range(self.count):
            x = getattr(self, f"dense{index + 1}")(x)
            if index + 1 < self.count:
                x = F.relu(x)
        return x


class Norm(nn.Module):
    """Batch normalisation as flax has it: momentum 0.9, and the variance of the running statistics is biased too.

    nn.BatchNorm2d takes the unbiased one. Statistics follow a pass only where `follows` is set: SAM has two passes a
    step, and the first counts.
    """

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.follows = True

    def forward(self, x):
        if not self.training:
            return F.batch_norm(x, self.mean, self.variance, self.scale, self.shift, False, 0.0, 1e-5)
        if self.follows:
            with torch.no_grad():
                self.mean.lerp_(x.mean((0, 2, 3)), 0.1)
                self.variance.lerp_(x.var((0, 2, 3), unbiased=False), 0.1)
        return F.batch_norm(x, None, None, self.scale, self.shift, True, 0.0, 1e-5)


def _convolution(inputs, outputs, size, stride=1):
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


class Unit(nn.Module):
    """Norm, ReLU, convolution, twice, beside a straight way that is projected where the width changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm1 = Norm(inputs)
        self.conv1 = _convolution(inputs, outputs, 3, stride)
        self.norm2 = Norm(outputs)
        self.conv2 = _convolution(outputs, outputs, 3)
        if inputs != outputs:
            self.shortcut = _convolution(inputs, outputs, 1, stride)

    def forward(self, x):
        active = F.relu(self.norm1(x))
        straight = self.shortcut(active) if hasattr(self, "shortcut") else x
        return self.conv2(F.relu(self.norm2(self.conv1(active)))) + straight


class WideResNet(nn.Module):
    """Depth 6n+4 and width k, with projections."""

    def __init__(self, shape, classes, depth, width):
        super().__init__()
        self.stem = _convolution(shape[2], 16, 3)
        self.names = []
        inputs = 16
        for group, outputs in enumerate((16 * width, 32 * width, 64 * width)):
            units = nn.Module()
            for index in range((depth - 4) // 6):
                units.add_module(f"unit{index + 1}", Unit(inputs, outputs, 2 if group > 0 and index == 0 else 1))
                self.names.append((f"group{group + 1}", f"unit{index + 1}"))
                inputs = outputs
            self.add_module(f"group{group + 1}", units)
        self.norm = Norm(inputs)
        self.dense = nn.Linear(inputs, classes)

    def forward(self, images):
        x = self.stem(images)
        for group, unit in self.names:
            x = getattr(getattr(self, group), unit)(x)
        return self.dense(F.relu(self.norm(x)).mean((2, 3)))


def follow_statistics(model, follows):
    """Whether the next passes in training change running statistics."""
    for module in model.modules():
        if isinstance(module, Norm):
            module.follows = follows


def _to_torch(array):
    tensor = torch.from_numpy(array.copy())
    return tensor.T if tensor.dim() == 2 else tensor.permute(3, 2, 0, 1) if tensor.dim() == 4 else tensor


def _to_file(tensor):
    turned = tensor.T if tensor.dim() == 2 else tensor.permute(2, 3, 1, 0) if tensor.dim() == 4 else tensor
    return turned.contiguous().numpy()


def load(model, arrays):
    """Puts named arrays of a file into the model; every parameter and statistic has to be there, and nothing else."""
    model.load_state_dict({name: _to_torch(array) for name, array in arrays.items()}, strict=True)


def saved(model):
    """The model's parameters and statistics as a file has them."""
    return {name: _to_file(tensor.detach()) for name, tensor in model.state_dict().items()}
