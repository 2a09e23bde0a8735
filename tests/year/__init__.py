"""A year of the real scheduler in minutes: virtual time, a source, a platform, many channels."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.simulation")
