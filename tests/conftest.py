"""What all tests share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gin
import pytest


@pytest.fixture(autouse=True)
def fresh_gin():
    """No test sees the bindings of another."""
    gin.clear_config()
    yield
    gin.clear_config()
