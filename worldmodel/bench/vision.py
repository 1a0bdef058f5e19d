"""V: training steps and encoding."""

import torch

from worldmodel.bench.row import Row, Setting, alternate
from worldmodel.models.vae import VAE
from worldmodel.train.plain import PlainVAE, training_speed


def train_vae(setting: Setting) -> Row:
    """Frames per second of training steps."""
    ours, naive = training_speed(setting.vae, "fp32", setting.sizes.frames)
    return Row(ours, naive, "frames/s", "torch's own layers, fp32, contiguous memory")


def encode(setting: Setting) -> Row:
    """Frames per second from uint8 frames to mu and logvar."""
    count = setting.sizes.frames
    obs = torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8)
    ours, plain = VAE(setting.vae).eval(), PlainVAE(setting.vae).eval()

    @torch.inference_mode()
    def fast() -> None:
        ours.encode(obs)

    @torch.inference_mode()
    def one_by_one() -> None:
        for frame in obs.split(1):
            plain.encode(frame)

    took = alternate({"ours": fast, "naive": one_by_one}, max(1, setting.sizes.rounds // 4))
    return Row(count / took["ours"], count / took["naive"], "frames/s", "one frame at a time")
