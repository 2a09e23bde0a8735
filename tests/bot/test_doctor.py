"""What ``doctor`` says of search and of a language model."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.doctor import Finding, examine
from config.settings import LlmSettings, SearchSettings, Settings, SourcesSettings, StoreSettings
from tests.doubles.endpoint import EndpointDouble, status
from tests.examples import NOW


async def found(what: str, **sections: object) -> Finding:
    settings = Settings(
        **{
            "store": StoreSettings(url=SecretStr("memory:")),
            "sources": SourcesSettings(enabled=("sample",)),
            **sections,
        }
    )
    findings = await examine(settings, offline=False, now=NOW)
    (one,) = [each for each in findings if each.what == what]
    return one


def llm(endpoint: EndpointDouble) -> LlmSettings:
    return LlmSettings(base_url=endpoint.url, model="small", api_key=SecretStr("k-123"))


async def test_a_model_that_answers_is_named() -> None:
    async with EndpointDouble(key="k-123") as endpoint:
        endpoint.value = {"ready": True}
        one = await found("language model", llm=llm(endpoint))
        assert one == Finding("language model", True, "small-2026-05-01 answers, in English")


async def test_a_model_that_refuses_is_told_with_the_cure() -> None:
    async with EndpointDouble(key="k-123") as endpoint:
        endpoint.script.append(status(401))
        one = await found("language model", llm=llm(endpoint))
    assert not one.ok
    assert "401" in one.detail
    assert "LLM_API_KEY" in one.cure
    assert "k-123" not in one.detail + one.cure


async def test_without_a_model_all_is_well() -> None:
    one = await found("language model")
    assert one.ok
    assert "own words" in one.detail


async def test_how_papers_are_found_is_told(tmp_path: Path) -> None:
    one = await found("search", search=SearchSettings(semantic="off"))
    assert one == Finding("search", True, "by words alone, as SEARCH_SEMANTIC says")
    pytest.importorskip("onnxruntime", reason="the extra `semantic` is not installed")
    one = await found("search", search=SearchSettings(semantic="auto"))
    assert one == Finding("search", True, "by words and meaning")
    (tmp_path / "model").write_bytes(b"other weights")
    one = await found("search", search=SearchSettings(semantic="auto", model=tmp_path / "model"))
    assert not one.ok
    assert "checksum" in one.detail
    assert "SEARCH_MODEL" in one.cure
