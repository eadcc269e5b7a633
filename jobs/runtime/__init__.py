"""How a job runs: settings, storage, tables, stages, cluster, trainer, progress."""
