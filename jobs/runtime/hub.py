"""Where things are published: a folder, or repositories on Hugging Face's hub (`hf://owner/name`).

A repository gets everything in one commit, so it is never seen half-written: not by
`upload_folder`, which with hf_xet installed cuts a large folder into several commits.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.domain.errors import InputError, SettingsError, StageError
from jobs.runtime.storage import Folder

if TYPE_CHECKING:
    from huggingface_hub import HfApi

HUB = "hf://"
REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
MARK = "published.json"  # in a folder that was published: names what lies there
HUBS_OWN = {".gitattributes"}  # what the hub itself puts into a repository

Files = Mapping[str, Path]  # path where it is published -> the file on this machine


def repository(target: str) -> str:
    """The owner/name in a hub's address; empty where the target is a folder.

    >>> repository("hf://yuansu/copywriter"), repository("out/copywriter")
    ('yuansu/copywriter', '')
    """
    return target.removeprefix(HUB) if target.startswith(HUB) else ""


def files_in(folder: Path) -> dict[str, Path]:
    """Every file in a folder by its path there. Raises InputError where there is none."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if not found:
        raise InputError(f"there is no file in {folder}. Run the stage that writes it again.")
    return {path.relative_to(folder).as_posix(): path for path in found}


def digest(path: Path) -> str:
    """A file's SHA-256, read in parts."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_target(target: str, token_env: str) -> None:
    """Raises SettingsError for a target that cannot be written, before anything is made for it."""
    if not target:
        raise SettingsError(
            "[publish] has no target. Set it to a folder, or to hf://owner/name on the hub."
        )
    if target.startswith(HUB):
        if not REPO.fullmatch(repository(target)):
            raise SettingsError(f"[publish] target = {target!r}; wanted hf://owner/name.")
        token(token_env)
        return
    folder = Folder.at(target)
    is_ours = (folder / MARK).exists()
    if not is_ours and (folder.names() or folder.folders()):
        raise SettingsError(
            f"[publish] target = {target!r} is a folder with other things in it, which publishing "
            f"would replace. Name a new folder, or empty that one."
        )


def token(variable: str) -> str:
    """The hub's token, from its variable alone. Raises SettingsError where it is not set."""
    found = os.environ.get(variable, "")
    if not found:
        raise SettingsError(
            f"the environment has no {variable}, which the hub needs to let anybody write. Export "
            f"a token that may write; it is never kept."
        )
    return found


def to_folder(files: Files, mark: Mapping[str, Any], target: str) -> None:
    """Replace the folder by these files: written aside, then moved.

    An object store knows no move: there `published.json`, which names every file, is written last.
    """
    folder = Folder.at(target)
    if not folder.is_local:
        with tempfile.TemporaryDirectory() as scratch:
            copy_all(files, Path(scratch))
            folder.publish(Path(scratch))
        folder.write_json(MARK, mark)
        return
    place = folder.local_path()
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as scratch:
        draft, old = Path(scratch) / "draft", Path(scratch) / "old"
        copy_all(files, draft)
        Folder(str(draft)).write_json(MARK, mark)
        if place.exists():
            place.rename(old)
        draft.rename(place)


def copy_all(files: Files, folder: Path) -> None:
    """Each file to its place in the folder."""
    for name, path in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def to_hub(files: Files, repo_id: str, repo_type: str, *, private: bool, token_env: str) -> str:
    """Make a repository hold these files and no others, in one commit. Returns its address.

    Raises StageError where the hub refuses, or what is to be private has a public repository.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token(token_env))
    with told_by_name(repo_id):
        api.create_repo(repo_id, repo_type=repo_type, private=private, exist_ok=True)
        there = names_there(api, repo_id, repo_type, private=private)
        commit = api.create_commit(
            repo_id,
            [
                *(CommitOperationAdd(name, str(path)) for name, path in sorted(files.items())),
                *(CommitOperationDelete(name) for name in sorted(there - set(files) - HUBS_OWN)),
            ],
            commit_message="Publish",
            repo_type=repo_type,
        )
    return str(commit.commit_url)


def names_there(api: "HfApi", repo_id: str, repo_type: str, *, private: bool) -> set[str]:
    """The files that a repository has. Raises StageError where it is public and may not be."""
    found: Any = api.repo_info(repo_id, repo_type=repo_type)
    if private and not found.private:
        raise StageError(
            f"{repo_id} is there already and public, and [publish] private is set. Nothing was "
            f"sent. Make it private on the hub, name another, or set private = false."
        )
    return {entry.rfilename for entry in found.siblings or ()}


@contextmanager
def told_by_name(repo_id: str) -> Iterator[None]:
    """The hub's errors as a StageError that repeats nothing of what it wrote."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    again = "Nothing of this commit is on the hub; give the same command again."
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise StageError(f"the hub answered {status} to what {repo_id} needed. {again}") from None
    except httpx2.HTTPError as error:
        kind = type(error).__name__
        raise StageError(f"no connection to the hub for {repo_id}: {kind}. {again}") from None
