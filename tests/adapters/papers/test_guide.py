"""The guide to adding a source is followed to the letter."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path

import pytest

import adapters.papers
from adapters.papers import open_sources
from bot.domain.errors import ConfigError
from config.settings import Settings, SourcesSettings
from tests.conftest import ROOT

SETTINGS = Settings(_env_file=None, sources=SourcesSettings(enabled=("shelfmark",)))


async def test_the_source_of_the_guide_works_once_its_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (ROOT / "docs" / "adding-a-source.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match="shelfmark"):
            await open_sources(SETTINGS, stack)
        (tmp_path / "shelfmark.py").write_text(code, encoding="utf-8")
        folders = [*adapters.papers.__path__, str(tmp_path)]
        monkeypatch.setattr(adapters.papers, "__path__", folders)
        opened = await open_sources(SETTINGS, stack)
        newest = await opened["shelfmark"].newest(date(2026, 5, 7))
    assert newest is not None
    assert [paper.title for paper in newest.papers] == ["Attention Is All You Need"]
