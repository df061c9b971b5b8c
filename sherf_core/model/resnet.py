"""The two ResNet-18 image encoders (He et al. 2016; SHERF section 3.2), with torchvision's parameter names."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sherf_core.model.normalization import SampleBatchNorm


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = SampleBatchNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = SampleBatchNorm(channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels:
            shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, SampleBatchNorm(channels))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet18(nn.Module):
    """ResNet-18 without its classifier's use: `fc` is there because published files hold it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = SampleBatchNorm(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        self.fc = nn.Linear(512, 1000)

    def stem(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 64 h w"]:
        return functional.relu(self.bn1(self.conv1(image)))


class GlobalEncoder(nn.Module):
    """Image in 0..1 (not ImageNet-normalised) -> one feature of 512 (specification, section 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet18()

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 512"]:
        net = self.backbone
        x = functional.max_pool2d(net.stem(image), 3, stride=2, padding=1)
        return net.layer4(net.layer3(net.layer2(net.layer1(x)))).mean(dim=(2, 3))


class PixelEncoder(nn.Module):
    """Image in 0..1 -> feature map at half the resolution; layer2 to layer4 and fc are in published files, unused."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet18()

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 64 h w"]:
        return self.backbone.layer1(self.backbone.stem(image))
