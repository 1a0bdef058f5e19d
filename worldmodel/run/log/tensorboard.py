"""TensorBoard: event files in the stage's folder tb, arranged as `cards` says."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from torch.utils.tensorboard import SummaryWriter

from worldmodel.run.log.cards import CATEGORIES, FINAL, FINAL_STAGE, charts, description, tag
from worldmodel.run.log.hyperparameters import FIRST, KEYS
from worldmodel.run.log.tracker import Figures, LogConfig, Plain
from worldmodel.types import Frames

# Files of its own, so that a stage that goes on after its end can replace them.
HPARAMS_SUFFIX = ".hparams"
TYPES = {str: "DATA_TYPE_STRING", float: "DATA_TYPE_FLOAT64", bool: "DATA_TYPE_BOOL"}


def open_tracker(
    folder: Path, resume_step: int, kept: Sequence[Mapping[str, Any]], config: LogConfig
) -> "TensorBoard":
    """Write into `folder`/tb; what was shown beyond `resume_step` is hidden."""
    return TensorBoard(folder / "tb", resume_step, config)


class TensorBoard:
    """Event files of one stage."""

    def __init__(self, folder: Path, resume_step: int, config: LogConfig) -> None:
        self._folder, self._config = folder, config
        self._writer = SummaryWriter(str(folder), purge_step=resume_step + 1)
        if charts(config.stage):
            self._writer.add_custom_scalars(layout(config.stage))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Show numbers under one step."""
        stage = self._config.stage
        for name, value in values.items():
            _add(self._writer, scalar_pb(tag(stage, name), value, description(stage, name)), step)

    def image(self, step: int, name: str, picture: Frames) -> None:
        """Show one picture (H, W, 3) uint8."""
        shown = tag(self._config.stage, name)
        self._writer.add_image(shown, np.asarray(picture), step, dataformats="HWC")

    def finish(self, step: int, figures: Mapping[str, Figures]) -> None:
        """At the end of the last stage, add the run's row to the HPARAMS tab."""
        if self._config.stage != FINAL_STAGE:
            return
        for old in self._folder.glob(f"*{HPARAMS_SUFFIX}"):
            old.unlink()
        writer = SummaryWriter(str(self._folder), filename_suffix=HPARAMS_SUFFIX)
        for summary in hparams(self._config.hyperparameters):
            _add(writer, summary, step)
        for stage, figure, name, title in FINAL:
            if figure in figures.get(stage, {}):
                _add(writer, scalar_pb(name, float(figures[stage][figure]), title), step)
        writer.close()

    def close(self) -> None:
        """Flush."""
        self._writer.close()


def layout(stage: str) -> dict[str, dict[str, list[Any]]]:
    """A stage's part of the CUSTOM SCALARS tab: by category and title, a kind and tags.

    TensorBoard merges the parts of all runs, category by category, in the order of the first one:
    so each names all categories.
    """
    parts: dict[str, dict[str, list[Any]]] = {title: {} for title in CATEGORIES.values()}
    for chart in charts(stage):
        tags = [f"^{re.escape(tag(chart.stage, name))}$" for name in chart.metrics]
        parts[CATEGORIES[chart.category]][chart.title] = ["Multiline", tags]
    return parts


def hparams(values: Mapping[str, Plain]) -> list[Summary]:
    """Columns of the HPARAMS tab, and begin and end of one run's row.

    TensorBoard takes the columns of whichever run it finds first: so each run names all of them.
    """
    kinds = {key: kind for kinds in KEYS.values() for key, kind in kinds.items()}
    columns = [
        # Those that differ are shown first, and the first five without being asked.
        api_pb2.HParamInfo(name=key, type=TYPES[kind], differs=key in FIRST)
        for key, kind in kinds.items()
    ]
    metrics = [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name), display_name=title)
        for _, _, name, title in FINAL
    ]
    begin = plugin_data_pb2.SessionStartInfo()
    for key, value in values.items():
        kind = {str: "string_value", bool: "bool_value"}.get(type(value), "number_value")
        setattr(begin.hparams[key], kind, value)
    table = api_pb2.Experiment(hparam_infos=columns, metric_infos=metrics)
    end = plugin_data_pb2.SessionEndInfo(status="STATUS_SUCCESS")
    return [
        _hparams_part(metadata.EXPERIMENT_TAG, experiment=table),
        _hparams_part(metadata.SESSION_START_INFO_TAG, session_start_info=begin),
        _hparams_part(metadata.SESSION_END_INFO_TAG, session_end_info=end),
    ]


def _hparams_part(name: str, **content: Any) -> Summary:
    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
    plugin = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString()
    )
    value = Summary.Value(tag=name, metadata=SummaryMetadata(plugin_data=plugin))
    value.tensor.CopyFrom(metadata.NULL_TENSOR)
    return Summary(value=[value])


def _add(writer: SummaryWriter, summary: Summary, step: int) -> None:
    assert writer.file_writer is not None
    writer.file_writer.add_summary(summary, step)
