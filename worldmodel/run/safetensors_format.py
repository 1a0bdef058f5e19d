"""Checkpoints as safetensors: small, readable elsewhere, without code. Imports nothing of ours."""

import json
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

_TENSOR = "tensor:"  # what stands in the JSON in place of a tensor, before its name


def pack(content: dict[str, Any]) -> bytes:
    """A nested dict of tensors and plain types as one safetensors file.

    Tensors are named by their path ("weights.encoder.0.bias"); all else is JSON in the header.
    """
    tensors: dict[str, Tensor] = {}

    def strip(value: Any, path: str) -> Any:
        if isinstance(value, Tensor):
            tensors[path] = value.detach().cpu().contiguous()
            return _TENSOR + path
        if isinstance(value, dict):
            return {key: strip(item, f"{path}.{key}" if path else key)
                    for key, item in value.items()}  # fmt: skip
        return value

    skeleton = json.dumps(strip(content, ""))
    return save(tensors, {"content": skeleton, "crc32": _checksum(skeleton, tensors)})


def unpack(path: Path) -> dict[str, Any]:
    """The dict that was packed; half-precision tensors come back as float32.

    Raises:
        ValueError: if a bit has changed since.
    """
    with safe_open(path, framework="pt") as file:
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    # Files of earlier versions have no checksum.
    if metadata.get("crc32", found := _checksum(metadata["content"], kept)) != found:
        raise ValueError("it has changed since it was written")
    skeleton = json.loads(metadata["content"])
    tensors = {name: _widen(tensor) for name, tensor in kept.items()}

    def fill(value: Any) -> Any:
        if isinstance(value, str) and value.startswith(_TENSOR):
            return tensors[value.removeprefix(_TENSOR)]
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return value

    return fill(skeleton)


def halve(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Float32 matrices and filters as float16; vectors and numbers are few and stay as they are.

    Raises:
        ValueError: if a weight is beyond what float16 holds.
    """
    halved = {}
    for name, weight in weights.items():
        small = weight.half() if weight.dtype == torch.float32 and weight.ndim > 1 else weight
        if not torch.isfinite(small).all():
            raise ValueError(f"{name} holds {weight.abs().max():.3g}: too large for float16")
        halved[name] = small
    return halved


def _checksum(skeleton: str, tensors: dict[str, Tensor]) -> str:
    crc = zlib.crc32(skeleton.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        crc = zlib.crc32(repr((name, tensor.dtype, tuple(tensor.shape))).encode(), crc)
        crc = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().tobytes(), crc)
    return f"{crc:08x}"


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor
