# Gin-config is untyped, and its REQUIRED, the default of parameters of any type, an `object`.
from typing import Any

REQUIRED: Any

def __getattr__(name: str) -> Any: ...
