"""V: training steps and encoding."""

import torch

from worldmodel.bench.plain_vae import PlainVAE, training_speed
from worldmodel.bench.row import Row, Setting, alternate
from worldmodel.models.vae import VAE


def train_vae(setting: Setting) -> Row:
    """Frames per second of training steps."""
    ours, naive = training_speed(setting.vae, "fp32", setting.sizes.frames, setting.device)
    return Row(ours, naive, "frames/s", "torch's own layers, fp32, contiguous memory")


def encode(setting: Setting) -> Row:
    """Frames per second from uint8 frames to mu and logvar."""
    count, device = setting.sizes.frames, setting.device
    obs = torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8, device=device)
    ours, plain = VAE(setting.vae).eval().to(device), PlainVAE(setting.vae).eval().to(device)

    @torch.inference_mode()
    def fast() -> None:
        ours.encode(obs)[0][0, 0].item()  # waits for a GPU

    @torch.inference_mode()
    def one_by_one() -> None:
        for frame in obs.split(1):
            mu, _ = plain.encode(frame)
        mu[0, 0].item()

    took = alternate({"ours": fast, "naive": one_by_one}, max(1, setting.sizes.rounds // 4))
    return Row(count / took["ours"], count / took["naive"], "frames/s", "one frame at a time")
