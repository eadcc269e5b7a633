"""A corpus of invented brands -> the embedded base.   python -m jobs.pretrain configs/demo.toml

Made once for each content of corpus, settings and code, and kept at the storage root.
"""

from jobs.engines.models import MODEL
from jobs.runtime.command import start
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.storage import Folder
from jobs.runtime.trainer import fit
from jobs.training.pretrain import Pretrain, PretrainTask, pretrain_loop


def main(run: Stage) -> Counts:
    """Take the model from the cache, or train it and put it there."""
    settings = run.settings(Pretrain)
    cache = Folder.at(run.config.storage) / "bases" / run.content_key()
    if not (cache / MODEL).exists():
        with Watch(run.stage_id, settings.examples):
            fitted = fit(
                pretrain_loop,
                PretrainTask(settings, run.stage_id),
                run.profile.train,
                folder=cache / "checkpoints",
                name="train",
            )
        with fitted.checkpoint.as_directory() as saved:
            (cache / MODEL).publish(Folder(str(saved)).local_path())
        cache.write_json("metrics.json", fitted.metrics)
        (cache / "checkpoints").delete()
    (run.folder / MODEL).publish((cache / MODEL).fetch())
    return Counts(settings.examples, settings.examples, notes=cache.read_json("metrics.json"))


JOB = Job(
    name="pretrain",
    main=main,
    sections={"pretrain": Pretrain},
    sources=("jobs/training/corpus", "jobs/training/pretrain.py", "jobs/training/chats.py",
             "jobs/training/copying.py", "jobs/training/tokenizer.py",
             "prompts/chat", "prompts/write", "prompts/partials"),
)  # fmt: skip

if __name__ == "__main__":
    start("pretrain")
