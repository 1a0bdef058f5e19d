"""The compare_noise stage: recipes against the noise of the fitness, at equal cost in the dream."""

from collections.abc import Mapping

from worldmodel.evolve.compare import CompareConfig, Problem, compare
from worldmodel.evolve.recipes import Recipe
from worldmodel.report.tables import noise_table
from worldmodel.run.layout import read_done
from worldmodel.run.run import Run


def compare_noise(
    config: CompareConfig, recipes: Mapping[str, Recipe], problem: Problem, run: Run
) -> dict[str, float]:
    """Search with every recipe, print the table; the mean score that each came to.

    Searches that an earlier call made count as long as V and M are the same.
    """
    done = {name: read_done(run.of(name)) for name in run.stage.inputs}
    ids = {name: record["id"] for name, record in done.items() if record is not None}
    rows = compare(config, recipes, problem, run, ids)
    title = (
        f"{config.seeds} searches of {config.budget:,} steps, {config.test_episodes} test dreams"
    )
    noise_table(f"{run.folder}: {title}", rows)
    return {name: row["score"] for name, row in rows.items()}
