"""A search that begins with the controller of another run."""

import torch

from worldmodel.agent.agent import Agent
from worldmodel.agent.policy import Policy, check_spec, load_policy
from worldmodel.agent.transfer import transfer
from worldmodel.data.episodes import EpisodeStore
from worldmodel.run import checkpoint
from worldmodel.run.run import Run
from worldmodel.stages.worlds import Worlds, model_files
from worldmodel.types import FloatArray, UserError


def start_params(worlds: Worlds, policy: Policy, name: str, run: Run) -> FloatArray:
    """Parameters (n,) of the controller of the run `name`, to begin with as `policy` in `worlds`.

    Where V and M are others than that run's, they are fitted to act as before (see `transfer`).

    Raises:
        UserError: if that controller sees or does something else than `policy`.
    """
    path = run.other(name, "train_controller")
    before = load_policy(path)
    squash = check_spec(before, worlds.spec, path).spec.squash
    if squash != worlds.spec.squash:
        setting = f"env.squash=[{','.join(squash)}]"
        run.say(f"{name} was evolved with {setting}, this search begins with another")
    was, now = before.config, policy.config
    same = (was.inputs, was.bias, was.hidden_units) == (now.inputs, now.bias, now.hidden_units)
    if not same or len(before.offset) != len(policy.offset):
        raise UserError(
            f"{path} has {len(before.params)} parameters on {was.inputs}, this call makes "
            f"{len(policy.params)} on {now.inputs}: use the same controller=…"
        )
    fitted = _transferred(worlds, before, policy, name, run)
    if fitted is not None:
        return fitted
    axes = None if before.axes is None else torch.tensor(before.axes)
    given = torch.tensor(before.params), torch.tensor(before.offset), axes
    return policy.controller().rebase(*given).numpy()


def generations_of(name: str, run: Run) -> int:
    """How many generations led to the controller of the run `name`; 0 where that is not known."""
    path = run.other(name, "train_controller", "last")
    if not path.exists():  # an exported agent
        return 0
    saved = checkpoint.load(path, ("cma", "tally"))
    return len(saved["cma"]["told"]) + int(saved["tally"].get("earlier", 0))


def _transferred(
    worlds: Worlds, before: Policy, policy: Policy, name: str, run: Run
) -> FloatArray | None:
    """Parameters that act on this V and M as those `before` did on those of the run `name`.

    None where these are the same or missing, or there are no episodes to learn it from.
    """
    files, own = model_files(run, name), (worlds.models["vae"], worlds.models["mdnrnn"])
    episodes = run.of("collect") / "episodes"
    linear = policy.config.hidden_units is None and policy.config.bias
    there = all(path.parent.exists() for path in (*files, episodes))
    if files == own or not there or not linear:
        return None
    was = Agent.from_files(*files, before.with_spec(worlds.spec))
    now = Agent.from_files(*own, policy)
    fitted, missed = transfer(was, now, EpisodeStore.open(episodes))
    errors = ", ".join(f"{value:.3f}" for value in missed)
    run.say(
        f"C of {name} is fitted to this V and M: its actions differ by {errors} (root mean square)"
    )
    return fitted
