import sys
from contextlib import AsyncExitStack

import pytest

from adapters.papers import open_sources
from adapters.papers.huggingface import HuggingFace
from bot.domain.errors import ConfigError
from config.settings import Settings, SourcesSettings


@pytest.fixture
async def stack():
    async with AsyncExitStack() as stack:
        yield stack


def enabled(*names, folder=None):
    return Settings(sources={"enabled": names, "folder": folder})


async def test_enabled_sources_are_opened_by_name_in_order(stack, tmp_path):
    sources = await open_sources(enabled("sample", "folder", "sample", folder=tmp_path), stack)
    assert [(name, source.name) for name, source in sources.items()] == [
        ("sample", "sample"),
        ("folder", "folder"),
    ]


async def test_the_stack_closes_what_a_source_holds():
    async with AsyncExitStack() as stack:
        source = (await open_sources(enabled("huggingface"), stack))["huggingface"]
        assert isinstance(source, HuggingFace)
        assert not source._client.is_closed
    assert source._client.is_closed


async def test_a_source_that_is_not_enabled_is_not_imported(stack, monkeypatch):
    monkeypatch.delitem(sys.modules, "adapters.papers.huggingface", raising=False)
    await open_sources(enabled("sample"), stack)
    assert "adapters.papers.huggingface" not in sys.modules


@pytest.mark.parametrize("name", ["arxiv", "payload", "..", ""])
async def test_an_unknown_name_is_refused_with_those_there_are(stack, name):
    with pytest.raises(ConfigError, match="folder, huggingface, sample"):
        await open_sources(enabled(name), stack)


async def test_no_source_at_all_is_refused(stack):
    none = SourcesSettings.model_construct(enabled=())
    with pytest.raises(ConfigError, match="names no source"):
        await open_sources(Settings.model_construct(sources=none), stack)


async def test_a_folder_that_is_not_named_or_not_there_is_refused(stack, tmp_path):
    with pytest.raises(ConfigError, match="SOURCES_FOLDER is missing"):
        await open_sources(enabled("folder"), stack)
    with pytest.raises(ConfigError, match="is no folder"):
        await open_sources(enabled("folder", folder=tmp_path / "gone"), stack)
