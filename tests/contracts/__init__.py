"""One suite per port, run over every implementation of it."""

import pytest

for port in ("chat_adapter", "paper_source", "search_index", "slack_api", "store", "summarizer"):
    pytest.register_assert_rewrite(f"{__name__}.{port}")
