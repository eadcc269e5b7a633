"""Connecting to Ray: the cluster of RAY_ADDRESS or of a submitted job, else one on this machine."""

import logging
import os

import ray
from ray.data import DataContext, ExecutionResources

from jobs.domain.brand import ROOT
from jobs.runtime.profile import Profile


def connect(profile: Profile) -> None:
    """Connect once per process; starting a local cluster takes about five seconds."""
    if ray.is_initialized():
        return
    if os.environ.get("RAY_ADDRESS"):
        ray.init(logging_level=logging.WARNING)
    else:
        # A cluster for this process alone, on the loopback interface and without a dashboard.
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        # Workers inherit these. A worker costs 2 s of CPU to start: none is started on suspicion.
        os.environ["PYTHONPATH"] = str(ROOT)
        os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
        os.environ.setdefault("RAY_enable_worker_prestart", "0")
        # Ray Data would read every table's few footers in sixteen processes of their own.
        os.environ.setdefault("RAY_DATA_PARQUET_FOOTER_NUM_ACTORS", "1")
        ray.init(
            address="local",
            num_cpus=profile.ray.logical_cpus,
            object_store_memory=profile.ray.object_store_mb * 2**20,
            include_dashboard=False,
            logging_level=logging.WARNING,
            log_to_driver=profile.ray.worker_logs,
        )
    context = DataContext.get_current()
    if profile.ray.data_cpus:
        context.execution_options.resource_limits = ExecutionResources(cpu=profile.ray.data_cpus)
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
