"""W&B and MLflow, where they are installed: real runs, without a network."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from worldmodel.run.log import Log, LogConfig, read_metrics

PICTURE = np.full((66, 330, 3), 7, np.uint8)


def record(folder: Path, logger: str) -> None:
    """A stage that is killed after step 4, goes on from step 2 and ends at step 3."""
    config = LogConfig(logger, folder / "runs", "cart_pole/seed0", "train_vae", {"vae.z_dim": 4.0})
    stage = folder / "runs/cart_pole/seed0/train_vae"
    killed = Log(stage, 0, config)
    for step in range(1, 5):
        killed.scalars(step, {"holdout/recon": float(step)})
    killed.close()
    log = Log(stage, 2, config)
    log.scalars(3, {"holdout/recon": 30.0})
    log.image(3, "reconstructions", PICTURE)
    log.finish({"train_vae": {"holdout_recon": 30.0, "note": "text"}})
    log.close()
    assert [line["step"] for line in read_metrics(stage)] == [1, 2, 3]
    assert not (stage / "tb").exists()


def test_mlflow_begins_anew_with_what_was_kept(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    record(tmp_path, "mlflow")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'runs/mlflow.db'}")
    experiment = client.get_experiment_by_name("cart_pole/seed0").experiment_id
    last, first = client.search_runs([experiment], order_by=["attributes.start_time DESC"])
    assert (first.info.status, last.info.status) == ("KILLED", "FINISHED")
    assert last.info.run_name == "train_vae"
    assert last.data.params == {"vae.z_dim": "4.0"}
    history = client.get_metric_history(last.info.run_id, "holdout/recon")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 2.0), (3, 30.0)]
    assert last.data.metrics["final/holdout_recon"] == 30.0
    assert [path.path for path in client.list_artifacts(last.info.run_id, "images")]
    assert (tmp_path / "runs/mlartifacts").exists()


def test_wandb_begins_anew_with_what_was_kept(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    record(tmp_path, "wandb")
    first, last = offline_runs(tmp_path / "runs/cart_pole/seed0/train_vae/wandb")
    assert [line["holdout/recon"] for line in first] == [1.0, 2.0, 3.0, 4.0]
    assert [(line["_step"], line["holdout/recon"]) for line in last] == [
        (1, 1.0), (2, 2.0), (3, 30.0)]  # fmt: skip
    assert last[-1]["reconstructions/width"] == 660


def offline_runs(folder: Path) -> list[list[dict]]:
    """The history of each run, as W&B wrote it for a later `wandb sync`; the longest first."""
    from wandb.proto import wandb_internal_pb2

    found = []
    for path in folder.glob("offline-run-*/*.wandb"):
        kinds, until = [], time.monotonic() + 30
        while "exit" not in kinds and time.monotonic() < until:  # a process of W&B's own writes it
            time.sleep(0.1)
            content = [wandb_internal_pb2.Record.FromString(d) for d in records(path.read_bytes())]
            kinds = [record.WhichOneof("record_type") for record in content]
        found.append(
            [
                {item.key or "/".join(item.nested_key): json.loads(item.value_json)
                 for item in record.history.item}
                for record, kind in zip(content, kinds, strict=True) if kind == "history"
            ]
        )  # fmt: skip
    return sorted(found, key=len, reverse=True)


def records(data: bytes) -> Iterator[bytes]:
    """Of a log in LevelDB's format, in blocks of 32 KiB, behind W&B's header of seven bytes."""
    at, whole = 7, b""
    while at + 7 <= len(data):
        left = 2**15 - at % 2**15
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole one, or its last part
            yield whole
            whole = b""
