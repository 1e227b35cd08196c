# In place of the stubs that come with pyright, which lack or misstate much: all names are untyped.
from typing import Any

def __getattr__(name: str) -> Any: ...
