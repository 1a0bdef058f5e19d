"""Ways to run jobs: one `map(make_worker, jobs)`, in this process or in several."""

from worldmodel.parallel.process import ProcessBackend, WorkersDied
from worldmodel.parallel.serial import SerialBackend

__all__ = ["ProcessBackend", "SerialBackend", "WorkersDied"]
