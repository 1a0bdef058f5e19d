"""How TensorBoard arranges a run: the tag of every metric, and charts with a line each.

The names in metrics.jsonl are another matter: they stay as they are.
"""

from dataclasses import dataclass

# TensorBoard sorts tags by name, so that numbers decide what comes first.
GROUPS = {
    "evaluate": "1 Score",
    "train_vae": "2 V",
    "train_mdnrnn": "3 M",
    "train_controller": "4 C",
    "collect": "6 Data",
}
DETAILS = "7 Details"
# Metrics and pictures that lie elsewhere than their stage's: by the beginning of the name.
ELSEWHERE = {
    "selection/mean": "1 Score",
    "film": "5 Films",
    "dream_and_reality": "4 C",
    "cma/": DETAILS,
    "examples_per_second": DETAILS,
    "steps_per_second": DETAILS,
    "minutes": DETAILS,
    "rollouts": DETAILS,
    "env_steps": DETAILS,
    "dream_steps": DETAILS,
    "train/kl_loss": DETAILS,
    "holdout/kl_loss": DETAILS,
    "train/active_units": DETAILS,
}
CATEGORIES = {
    "Score": "Score",
    "V": "V: vision, the VAE",
    "M": "M: memory, the MDN-RNN",
    "C": "C: the controller",
}


@dataclass(frozen=True)
class Chart:
    """A chart of a stage's metrics; `title` says what it shows and which way is better."""

    category: str
    stage: str
    title: str
    metrics: tuple[str, ...]


CHARTS = (
    Chart(
        "Score",
        "evaluate",
        "Score of each test episode. Higher is better",
        ("score",),
    ),
    Chart(
        "Score",
        "train_controller",
        "Score of the mean of the search in the real environment. Higher is better",
        ("selection/mean",),
    ),
    Chart(
        "V",
        "train_vae",
        "Share of the moving pixels' variance that V explains on hold-out frames. 1 is all",
        ("holdout/moving_explained",),
    ),
    Chart(
        "V",
        "train_vae",
        "Reconstruction: squared error of a hold-out frame. Lower is better",
        ("holdout/recon",),
    ),
    Chart(
        "V",
        "train_vae",
        "KL of z to the prior, in nats a frame. Lower is better, but 0 is collapse",
        ("holdout/kl",),
    ),
    Chart(
        "V",
        "train_vae",
        "Latents in use. All of vae.z_dim is best, 0 is collapse",
        ("holdout/active_units",),
    ),
    Chart(
        "M",
        "train_mdnrnn",
        "Prediction of the next z on hold-out episodes, nats per dimension. Lower is better",
        ("holdout/z_nats_per_dim",),
    ),
    Chart(
        "M",
        "train_mdnrnn",
        "Share of the next z in the middle 50 and 90 % of what M expects. 0.5 and 0.9 are best: "
        "below, M is too sure",
        ("holdout/z_coverage_50", "holdout/z_coverage_90"),
    ),
    Chart(
        "M",
        "train_mdnrnn",
        "Error of a dream after 1, 5, 10, … agent steps. Lower is better",
        tuple(f"open_loop/{steps}" for steps in (1, 5, 10, 25, 50, 100)),
    ),
    Chart(
        "M",
        "train_mdnrnn",
        "After 5 agent steps: error of the dream, and of a z that never changes. The dream should "
        "be below",
        ("open_loop/5", "open_loop_still/5"),
    ),
    Chart(
        "M",
        "train_mdnrnn",
        "Reward prediction: squared error on hold-out episodes. Lower is better",
        ("holdout/reward_mse",),
    ),
    Chart(
        "C",
        "train_controller",
        "Return of a generation's candidates: mean and best. Higher is better",
        ("fitness/mean", "fitness/best"),
    ),
    Chart(
        "C",
        "train_controller",
        "The same controller in reality and in the dream. The closer, the better the dream",
        ("selection/mean", "dream/mean"),
    ),
    Chart(
        "C",
        "train_controller",
        "Correlation of dreamt with real returns (world=hybrid). 1 is best",
        ("hybrid/agreement",),
    ),
)

# Columns of the HPARAMS tab, of whose rows `evaluate` writes one for every run: a stage's figure,
# the tag of its single point, and the column's title.
FINAL_STAGE = "evaluate"
FINAL = (
    ("evaluate", "mean", "1 Score/final test score", "test score"),
    ("evaluate", "sd", f"{DETAILS}/final test score, sd", "test score, sd"),
    ("train_controller", "selection_score", f"{DETAILS}/final selection score", "selection score"),
    ("train_mdnrnn", "nats_per_dim", f"{DETAILS}/final M nats per dim", "M: nats per dim"),
    ("train_vae", "moving_explained", f"{DETAILS}/final V moving explained", "V: moving explained"),
    ("train_vae", "holdout_recon", f"{DETAILS}/final V recon", "V: recon"),
)


def tag(stage: str, name: str) -> str:
    """TensorBoard's name for a metric or picture; the name itself outside the pipeline's stages."""
    group = GROUPS.get(_base(stage))
    if group is None:
        return name
    for beginning, other in ELSEWHERE.items():
        if name.startswith(beginning):
            group = other
    return f"{group}/{name}"


def charts(stage: str) -> list[Chart]:
    """Those of a stage; a training within it has the same."""
    return [chart for chart in CHARTS if chart.stage == _base(stage)]


def description(stage: str, name: str) -> str:
    """What a metric shows and which way is better; empty where no chart says."""
    return next((chart.title for chart in charts(stage) if name in chart.metrics), "")


def _base(stage: str) -> str:
    return stage.split("/")[0]
