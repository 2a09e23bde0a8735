"""The command line as an operator meets it: what it prints, where it writes, how it ends."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from rich.cells import cell_len

from adapters.storage.disk import Disk
from bot.cli import main
from bot.domain.command import Caller, CommandCall
from bot.domain.errors import PlatformError
from bot.ports import Inbox
from tests.examples import ANN, CHANNEL

Run = Callable[..., tuple[int, str, str]]

PAGE = """new

Daily Papers

byAK and the research community

Aug 20

A Paper About Walking

Walking is hard. We walk.

A Paper About Running

Running is harder. We run anyway.
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in this process; return exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STORE_URL", f"tinydb://{tmp_path / 'state'}")

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            main(arguments)
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def entry(number: int, **more: object) -> dict[str, object]:
    paper = {
        "id": f"2605.{number:05}",
        "title": f"Paper {number}",
        "summary": "It says something. It says more.",
        "authors": [{"name": "Ada Lovelace", "hidden": False}],
        "publishedAt": "2026-05-01T00:00:00.000Z",
        "upvotes": number,
    }
    return {"paper": paper | more, "title": f"Paper {number}", "publishedAt": "2026-05-01"}


@pytest.fixture
def captured(tmp_path: Path) -> Path:
    folder = tmp_path / "captured"
    folder.mkdir()
    days = {"2026-05-06": [entry(1), entry(2)], "2026-05-07": [entry(3), entry(2)]}
    with gzip.open(folder / "2026-05.json.gz", "wt", encoding="utf-8") as file:
        json.dump(days, file)
    return folder


def test_a_preview_shows_the_digest_of_the_sample(run: Run) -> None:
    code, out, _ = run("preview", "--source", "sample", "--limit", "3")
    assert code == 0
    assert "LongWriter" in out
    assert "message 4" in out
    assert all(cell_len(line) <= 80 for line in out.splitlines())


@pytest.mark.parametrize("platform", ["slack", "discord", "console"])
@pytest.mark.parametrize(("layout", "messages"), [("thread", 11), ("list", 1), ("cards", 4)])
def test_a_preview_prints_the_request_bodies_in_order(
    run: Run, platform: str, layout: str, messages: int
) -> None:
    chosen = ("--source", "sample", "--platform", platform, "--layout", layout, "--json")
    code, out, _ = run("preview", *chosen)
    bodies = json.loads(out)
    assert code == 0
    assert len(bodies) == messages
    assert "LongWriter" in json.dumps(bodies[0])


def test_a_preview_of_a_day_reads_captured_payloads(run: Run, captured: Path) -> None:
    chosen = ("--source", "folder", "--path", str(captured), "--date", "2026-05-06")
    code, out, _ = run("preview", *chosen)
    assert code == 0
    assert out.index("Paper 2") < out.index("Paper 1")
    assert "Paper 3" not in out


def test_a_preview_keeps_no_state(run: Run, tmp_path: Path) -> None:
    run("preview", "--source", "sample")
    assert not (tmp_path / "state").exists()


def test_a_malformed_date_is_refused_with_an_example(run: Run) -> None:
    code, _, err = run("preview", "--source", "sample", "--date", "7 May")
    assert code == 2
    assert "2026-05-07" in err


def test_a_day_without_papers_says_so(run: Run, captured: Path) -> None:
    chosen = ("--source", "folder", "--path", str(captured), "--date", "2026-05-09")
    code, _, err = run("preview", *chosen)
    assert code == 2
    assert "nothing is listed on 2026-05-09" in err


def test_an_unknown_source_lists_those_there_are(run: Run) -> None:
    code, _, err = run("preview", "--source", "arxive")
    assert code == 2
    assert "arxive" in err
    assert "huggingface" in err


def test_imported_papers_can_be_exported(run: Run, captured: Path, tmp_path: Path) -> None:
    code, out, _ = run("import", "folder", str(captured))
    assert (code, out) == (0, "2 batches, 4 papers read, 4 new in the library.\n")
    assert run("import", "folder", str(captured))[1].endswith("0 new in the library.\n")
    exported = json.loads(run("export")[1])
    assert [each["id"] for each in exported] == [f"arxiv:2605.{n:05}" for n in (1, 2, 3)]
    rows = list(csv.DictReader(io.StringIO(run("export", "--format", "csv")[1])))
    assert [row["upvotes"] for row in rows] == ["1", "2", "3"]
    assert run("export", "--format", "bibtex")[1].count("@misc{lovelace2026paper") == 3
    since = json.loads(run("export", "--since", "2026-05-07")[1])
    assert {each["title"] for each in since} == {"Paper 2", "Paper 3"}
    code, out, err = run("export", "--output", str(tmp_path / "papers.json"))
    assert (code, out) == (0, "")
    assert "3 papers" in err
    assert json.loads((tmp_path / "papers.json").read_text()) == exported


def test_a_saved_page_is_imported(run: Run, tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text(PAGE)
    code, out, _ = run("import", "page", "page.txt")
    assert (code, out) == (0, "1 batch, 2 papers read, 2 new in the library.\n")
    assert {each["title"] for each in json.loads(run("export")[1])} == {
        "A Paper About Walking",
        "A Paper About Running",
    }


def test_a_truncated_capture_is_named_and_nothing_is_lost(run: Run, captured: Path) -> None:
    run("import", "folder", str(captured))
    whole = (captured / "2026-05.json.gz").read_bytes()
    (captured / "2026-05.json.gz").write_bytes(whole[: len(whole) // 2])
    code, _, err = run("import", "folder", str(captured))
    assert code == 2
    assert "2026-05.json.gz" in err
    assert len(json.loads(run("export")[1])) == 3


def test_a_missing_file_is_named(run: Run) -> None:
    for kind in ("page", "folder"):
        code, _, err = run("import", kind, "nowhere")
        assert code == 2
        assert "nowhere" in err
        assert "Traceback" not in err


def test_running_without_a_platform_names_the_cure(run: Run) -> None:
    code, _, err = run("run")
    assert code == 2
    assert "SLACK_BOT_TOKEN" in err
    assert "daily-papers demo" in err


def test_a_wrong_setting_is_named_and_its_value_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_LIMIT", "s3cret-value")
    code, _, err = run("doctor")
    assert code == 2
    assert "DIGEST_LIMIT" in err
    assert "s3cret-value" not in err


def test_a_folder_that_cannot_be_used_is_named_with_the_cure(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("STORE_URL", f"tinydb://{tmp_path / 'file'}")
    code, _, err = run("export")
    assert code == 2
    assert str(tmp_path / "file") in err
    code, out, _ = run("doctor", "--offline")
    assert code == 1
    assert "cure:" in out


def test_a_corrupt_state_is_refused_and_left_alone(
    run: Run, captured: Path, tmp_path: Path
) -> None:
    run("import", "folder", str(captured))
    state = tmp_path / "state" / "snapshot.json"
    damaged = state.read_bytes()[:-10]
    state.write_bytes(damaged)
    code, _, err = run("export")
    assert code == 2
    assert "snapshot.json" in err
    assert "doctor --salvage" in err
    assert state.read_bytes() == damaged


def test_what_is_whole_of_a_corrupt_state_is_salvaged(
    run: Run, captured: Path, tmp_path: Path
) -> None:
    run("import", "folder", str(captured))
    assert run("doctor", "--salvage")[1] == "nothing is damaged: 5 documents\n"
    (journal,) = (tmp_path / "state").glob("journal-*.jsonl")
    journal.write_bytes(journal.read_bytes().replace(b'"Paper 1"', b'"Paper I"', 1))
    code, out, _ = run("doctor", "--offline")
    assert code == 1
    assert "--salvage" in out
    code, out, _ = run("doctor", "--salvage")
    assert code == 0
    assert "lost:" in out
    assert "damaged-" in out
    assert run("export")[0] == 0


def test_a_backup_can_be_restored(run: Run, captured: Path, tmp_path: Path) -> None:
    run("import", "folder", str(captured))
    before = run("export")[1]
    code, out, _ = run("backup", "--to", "papers.tar")
    assert (code, out) == (0, "5 documents in papers.tar\n")
    assert run("backup", "--to", "papers.tar")[0] == 2
    code, _, err = run("restore", "papers.tar")
    assert code == 2
    assert "--force" in err
    code, out, _ = run("restore", "papers.tar", "--force")
    assert code == 0
    assert "replaced-" in out
    assert run("export")[1] == before


def test_what_keeps_no_files_has_no_backup(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_URL", "memory:")
    for arguments in (("backup",), ("restore", "papers.tar"), ("doctor", "--salvage")):
        code, _, err = run(*arguments)
        assert code == 2
        assert "keeps no files" in err


def test_a_disk_that_fails_ends_the_bot_for_its_supervisor(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vote by which the disk is found broken is answered; then the process ends."""

    class Console:
        platform = "console"

        def __init__(self, **_: object) -> None:
            pass

        async def serve(self, inbox: Inbox) -> None:
            def broken(self: Disk, file: int) -> None:
                raise OSError(5, "Input/output error")

            monkeypatch.setattr(Disk, "sync", broken)
            caller = Caller(ANN, CHANNEL, is_admin=True)
            reply = await inbox.command(CommandCall(caller, "subscribe", ""))
            assert "operator" in str(reply)
            await asyncio.Event().wait()

    monkeypatch.setattr("adapters.console.app.ConsoleAdapter", Console)
    code, _, err = run("run", "--console")
    assert code == 75
    assert "start the bot again" in err


def test_a_bot_that_nobody_can_reach_ends_for_its_supervisor(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Console:
        platform = "console"

        def __init__(self, **_: object) -> None:
            pass

        async def serve(self, inbox: Inbox) -> None:
            asyncio.get_running_loop().call_later(0.01, hours.shift, 3600)
            raise PlatformError("console", "has no terminal")

    monkeypatch.setattr("adapters.console.app.ConsoleAdapter", Console)
    with time_machine.travel(datetime.now(UTC)) as hours:
        code, _, err = run("run", "--console")
    assert code == 75
    assert "no platform has been up for 60 minutes (console down: console: has no terminal)" in err


def test_posting_without_a_subscription_says_how_to_get_one(run: Run) -> None:
    code, _, err = run("post", "--date", "2026-05-07", "--channel", "slack:T1/C1")
    assert code == 2
    assert "slack:T1/C1 has no subscription" in err
    assert run("post", "--date", "2026-05-07", "--channel", "C1")[0] == 2


def test_the_doctor_is_content_offline(run: Run) -> None:
    code, out, _ = run("doctor", "--offline")
    assert code == 0
    assert "state" in out


def test_the_manifests_can_be_pasted(run: Run) -> None:
    code, out, _ = run("manifest", "slack")
    made = json.loads(out)
    assert code == 0
    assert made["settings"]["socket_mode_enabled"] is True
    assert made["features"]["slash_commands"][0]["command"] == "/papers"
    code, out, _ = run("manifest", "slack", "--mode", "http", "--url", "https://papers.example")
    assert "https://papers.example" in json.loads(out)["settings"]["interactivity"]["request_url"]
    assert run("manifest", "slack", "--mode", "http")[0] == 2
    code, out, _ = run("manifest", "slack", "--several", "--url", "https://papers.example")
    redirect = "https://papers.example/slack/oauth_redirect"
    assert json.loads(out)["oauth_config"]["redirect_urls"] == [redirect]
    assert run("manifest", "slack", "--several")[0] == 2
    code, out, _ = run("manifest", "discord", "--application-id", "42")
    assert out.startswith("https://discord.com/")
    assert "client_id=42" in out
    assert "applications.commands" in out
    code, out, _ = run("manifest", "discord", "--application-id", "42", "--personal")
    assert "integration_type=1" in out
    assert "permissions" not in out
    assert run("manifest", "discord")[0] == 2


def test_commands_are_not_synced_without_a_token(run: Run) -> None:
    code, _, err = run("sync", "--clear")
    assert code == 2
    assert "DISCORD_TOKEN is not set" in err


def test_health_tells_that_nothing_runs(run: Run) -> None:
    code, out, _ = run("health")
    assert code == 1
    assert "no bot is running" in out


def test_the_demo_runs_to_its_end_without_a_terminal(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "NO_COLOR": "1", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bot", "demo"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ranks = [line for line in done.stdout.splitlines() if "10. " in line]
    assert ranks, done.stdout
    assert "for “long context”" in done.stdout
    assert "Summary: " in done.stdout
    assert "from 0 to 1" in done.stdout
    assert max(map(cell_len, done.stdout.splitlines())) <= 80
    assert done.stderr == ""
    assert not list(tmp_path.iterdir()), "the demo leaves nothing behind"
