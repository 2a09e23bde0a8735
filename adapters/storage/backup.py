"""All state in one tar file, with the SHA-256 of each file in it, and back."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path

from adapters.storage import segments, snapshot
from adapters.storage.archive import FOLDER as ARCHIVE
from adapters.storage.copies import copy_state
from adapters.storage.disk import Disk
from adapters.storage.journal import JournalStorage
from adapters.storage.opening import OLD, OLD_KEPT, load
from adapters.storage.ownership import own
from adapters.storage.tables import check
from bot.domain.errors import StoreError

SUMS = "SHA256SUMS"
MEMBER = re.compile(rf"snapshot\.json|journal-\d{{12}}\.jsonl|{ARCHIVE}/\d{{4}}\.json")


def backup(folder: Path, to: Path) -> int:
    """Write the state of a folder to a file; return how many documents it holds.

    A bot may be running there: what it has acknowledged by now is in the backup.

    Raises:
        StoreError: if there is no state, it is damaged, or the file cannot be written.
    """
    folder = folder.absolute()
    if to.exists():
        raise StoreError(f"{to} exists: name another file, or move it away")
    with tempfile.TemporaryDirectory(prefix="daily-papers-") as place:
        copy = Path(place)
        if not copy_state(folder, copy):
            raise StoreError(f"{folder} holds no state: nothing to back up")
        storage = JournalStorage(copy, check=check)
        try:
            storage.checkpoint()
        finally:
            storage.close()
        contents = {name: (copy / name).read_bytes() for name in _names(copy)}
    # Archives after the state: what left the state before the copy is in them by then.
    for path in sorted((folder / ARCHIVE).glob("*.json")):
        contents[f"{ARCHIVE}/{path.name}"] = path.read_bytes()
    sums = "".join(f"{_sum(content)}  {name}\n" for name, content in contents.items())
    draft = to.with_name(f"{to.name}.tmp")
    try:
        with (
            open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
            tarfile.open(fileobj=file, mode="w") as tar,
        ):
            for name, content in {SUMS: sums.encode(), **contents}.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o600
                tar.addfile(member, io.BytesIO(content))
            file.flush()
        disk = Disk()
        opened = disk.open(draft)
        disk.sync(opened)
        disk.close(opened)
        _verified(draft)
        draft.replace(to)
        disk.sync_folder(to.absolute().parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(f"{to} cannot be written ({error.strerror or error})") from error
    return sum(map(len, storage.tables.values()))


def restore(file: Path, folder: Path, *, force: bool, now: datetime) -> tuple[int, Path | None]:
    """Put a backup in the place of a state.

    Args:
        file: What ``backup`` wrote.
        folder: Where the state is to be.
        force: Set aside a state that is there, rather than refuse.
        now: Names the folder for that.

    Returns:
        How many documents there are now, and where the state is that was there.

    Raises:
        ConfigError: if the folder cannot be used.
        StoreError: if the file is no whole backup, a bot runs there, or there is a state.
    """
    folder = folder.absolute()
    contents = _verified(file)
    lock = own(folder)
    try:
        aside = None
        if _names(folder):
            if not force:
                raise StoreError(
                    f"{folder} holds a state: name another STORE_URL, or say --force to set it "
                    "aside first"
                )
            aside = _set_aside(folder, now)
        _write(folder, contents)
        return sum(map(len, load(folder).tables.values())), aside
    except OSError as error:
        raise StoreError(
            f"{error.filename or folder} cannot be written ({error.strerror}): make room on the "
            "disk, or give the bot's user the right to write there"
        ) from error
    finally:
        lock.release()


def _names(folder: Path) -> list[str]:
    """Return the files of a state, the snapshot last."""
    journals = [path.name for _, path in segments.files(folder)]
    archives = [f"{ARCHIVE}/{path.name}" for path in sorted((folder / ARCHIVE).glob("*.json"))]
    states = [name for name in (OLD, snapshot.NAME) if (folder / name).exists()]
    return [*journals, *archives, *states]


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _verified(file: Path) -> dict[str, bytes]:
    """Return the files of a backup.

    Raises:
        StoreError: if it is none, or not as it was written.
    """
    try:
        with tarfile.open(file, "r:") as tar:
            contents = {
                member.name: stream.read()
                for member in tar
                if (stream := tar.extractfile(member)) is not None
            }
    except FileNotFoundError as error:
        raise StoreError(f"{file} is not there") from error
    except (OSError, tarfile.TarError) as error:
        raise StoreError(f"{file} is no whole backup ({error}): take another") from error
    sums = contents.pop(SUMS, b"").decode("utf-8", "replace").splitlines()
    told = {name: digest for digest, _, name in (line.partition("  ") for line in sums)}
    if snapshot.NAME not in told or not all(map(MEMBER.fullmatch, told)):
        raise StoreError(f"{file} is no backup of this bot")
    for name in {**told, **contents}:
        if name not in contents or told.get(name) != _sum(contents[name]):
            raise StoreError(f"{file} is damaged: {name} does not fit its checksum; take another")
    return contents


def _set_aside(folder: Path, now: datetime) -> Path:
    aside = folder / f"replaced-{now:%Y%m%dT%H%M%S}"
    (aside / ARCHIVE).mkdir(mode=0o700, parents=True)
    for name in (*_names(folder), OLD_KEPT):
        if (folder / name).exists():
            (folder / name).replace(aside / name)
    return aside


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files durably, the snapshot last, for it makes a state of them."""
    disk = Disk()
    (folder / ARCHIVE).mkdir(mode=0o700, exist_ok=True)
    for name in sorted(contents, key=lambda each: each == snapshot.NAME):
        draft = folder / f"{name}.tmp"
        opened = disk.open(draft, empty=True)
        try:
            disk.write(opened, contents[name])
            disk.sync(opened)
        finally:
            disk.close(opened)
        disk.rename(draft, folder / name)
        disk.sync_folder((folder / name).parent)
