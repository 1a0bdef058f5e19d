"""What runs leave behind, and what each depends on. Imports nothing of the project."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """What a stage depends on.

    `keys` are the parts of the configuration that its result depends on; `extendable` are those
    among them that may be raised later to go on from where it stopped; `inputs` are earlier stages,
    and `optional_inputs` those that it uses where they are finished.
    """

    name: str
    inputs: tuple[str, ...]
    keys: tuple[str, ...]
    extendable: tuple[str, ...] = ()
    optional_inputs: tuple[str, ...] = ()


PIPELINE = {
    stage.name: stage
    for stage in (
        Stage(
            "collect",
            (),
            (
                "env",
                "seed",
                "collect.max_steps",
                "collect.compression",
                "collect.agent",
                "collect.agent_checkpoint",
                "collect.agent_noise",
                "collect.explorer_share",
                "collect.explorer_stretch",
                "collect.replay",
                "collect.replay_episodes",
                "backend.vector",
            ),
            ("collect.episodes", "collect.frames"),
        ),
        Stage(
            "train_vae",
            ("collect",),
            ("vae", "train_vae", "start", "seed"),
            ("train_vae.fit.steps",),
        ),
        Stage("encode", ("collect", "train_vae"), ()),
        Stage(
            "train_mdnrnn",
            ("encode", "train_vae"),
            ("mdnrnn", "train_mdnrnn", "start", "seed"),
            ("train_mdnrnn.fit.steps",),
        ),
        Stage(
            "train_controller",
            ("train_vae", "train_mdnrnn"),
            ("env", "controller", "evolve", "world", "backend.vector", "start", "seed"),
            ("evolve.generations", "evolve.max_minutes"),
            ("encode",),
        ),
        Stage(
            "evaluate",
            ("train_controller", "train_vae", "train_mdnrnn"),
            (
                "env",
                "evaluate.vector",
                "evaluate.fast_kwargs",
                "evaluate.checkpoint",
                "evaluate.skip",
                "evaluate.random_episodes",
                "evaluate.videos",
                "seed",
            ),
            ("evaluate.episodes",),
        ),
    )
}

# Stages whose results have to fit together wherever they meet: C to its V and M, M to its V.
MODELS = ("train_vae", "train_mdnrnn", "train_controller")

# Keys by which a run names the runs that it goes on from.
BEFORE = ("start", "upstream", "collect.agent", "collect.replay")

# Demonstrations of the mixture density library: each stands alone.
DEMOS = {
    stage.name: stage
    for stage in (
        Stage("mdn_mixture", (), ("mixture", "seed")),
        Stage("mdn_inverse_sine", (), ("inverse_sine", "recipes", "seed")),
        Stage("mdn_forked_map", (), ("map", "walker", "fit", "seed"), ("fit.steps",)),
    )
}

# Studies of a method on what a pipeline left: nothing depends on them.
STUDIES = {
    stage.name: stage
    for stage in (
        Stage(
            "compare_noise",
            ("train_vae", "train_mdnrnn"),
            (
                "env",
                "controller",
                "world",
                "evolve.cma",
                "start",
                "compare.budget",
                "compare.test_every",
                "compare.test_episodes",
                "seed",
            ),
            ("compare.seeds", "recipes"),
            ("encode",),
        ),
        Stage(
            "measure_noise",
            ("train_controller", "train_vae", "train_mdnrnn"),
            ("env", "world", "measure", "seed"),
            (),
            ("encode",),
        ),
        Stage(
            "read_state",
            ("train_controller", "train_vae", "train_mdnrnn"),
            ("env", "read", "seed"),
        ),
        Stage(
            "play_dream",
            ("train_controller", "train_vae", "train_mdnrnn"),
            ("env", "world", "seed"),
            ("play.episodes",),
            ("encode",),
        ),
    )
}

# Systems of pen and touch: each stands alone.
SEQUENCES = {
    stage.name: stage
    for stage in (Stage("train_sequence", (), ("system", "fit", "seed"), ("fit.steps",)),)
}

STAGES = PIPELINE | DEMOS | STUDIES | SEQUENCES
