"""Stride-2 transposed convolution: the function and parameters of the plain layer, less time."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# A CPU convolution fills its vector lanes with output channels: four phases of few channels fit.
FEW_CHANNELS = 4


class FastConvTranspose2d(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride=2)`, faster on CPUs.

    Values, gradients and state_dict are the plain layer's; only the route differs, and only where
    it measured faster: a 1×1 map is one matrix product, a kernel of even size with few output
    channels runs as a stride-1 convolution (Shi et al. 2016, arXiv:1609.07009), and the bias is
    added apart because its gradient inside the transposed convolution is slow.

    Maps are (B, C, H, W), fastest in channels_last memory.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride=2)

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        """Maps (B, in_channels, H, W) to (B, out_channels, 2(H-1) + k, 2(W-1) + k)."""
        assert self.bias is not None
        if self._by_phases(x):
            out = _ByPhases.apply(x, self.weight)
            return out + self.bias[:, None, None]
        if x.shape[-2:] == (1, 1):
            out = _from_one_pixel(x, self.weight)
        else:
            out = F.conv_transpose2d(x, self.weight, stride=2)
        return out.add_(self.bias.to(out.dtype)[:, None, None])

    def _by_phases(self, x: Tensor) -> bool:
        return (
            self.out_channels <= FEW_CHANNELS
            and self.kernel_size[0] % 2 == 0
            and x.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
        )


def _from_one_pixel(x: Tensor, weight: Tensor) -> Tensor:
    channels, kernel = weight.shape[1:3]
    out = (x.flatten(1) @ weight.flatten(1)).view(-1, channels, kernel, kernel)
    return out.contiguous(memory_format=torch.channels_last)


class _ByPhases(torch.autograd.Function):
    """Forward by phases, backward natively: each is the fastest of the two in its direction."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _conv_by_phases(x, weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        needs = [*ctx.needs_input_grad, False]
        grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
            grads[0], x, weight, None, [2, 2], [0, 0], [1, 1], True, [0, 0], 1, needs
        )
        return grad_x, grad_weight


def _conv_by_phases(x: Tensor, weight: Tensor) -> Tensor:
    """out[2i + p] = Σ_t in[i - t] · weight[2t + p] per axis: one stride-1 convolution per phase p.

    The 2×2 phases are 4·C output channels of one convolution, interleaved afterwards.
    """
    inputs, channels, size, _ = weight.shape
    taps = size // 2
    phases = weight.view(inputs, channels, taps, 2, taps, 2).flip(2, 4).permute(3, 5, 1, 0, 2, 4)
    kernel = phases.reshape(4 * channels, inputs, taps, taps)
    out = F.conv2d(x, kernel.contiguous(memory_format=torch.channels_last), padding=taps - 1)
    batch, _, height, width = out.shape
    grid = out.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2, channels)
    frames = grid.transpose(2, 3).reshape(batch, 2 * height, 2 * width, channels)
    return frames.permute(0, 3, 1, 2)
