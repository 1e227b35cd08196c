"""Flags that are paths: with `~` expanded, and refused where they cannot be of this machine."""

from absl import flags

from trainer.command import paths

# Flags are those of the program that defines them here.
flags.disclaim_key_flags()


class _PathParser(flags.ArgumentParser):
    def __init__(self, for_tensorflow: bool, of_datasets: bool):
        super().__init__()
        self._for_tensorflow = for_tensorflow
        self._of_datasets = of_datasets

    def parse(self, argument: str) -> str:
        path = paths.expanded(argument, self._of_datasets)
        if self._for_tensorflow:
            paths.check_literal(path)
        return path


def DEFINE_path(
    name: str, meaning: str, for_tensorflow: bool = False, of_datasets: bool = False
) -> flags.FlagHolder[str | None]:
    """Defines a flag that is a path, and None unless it is given.

    Args:
      name: of the flag.
      meaning: what --help says.
      for_tensorflow: whether checkpoints go there; see `paths.check_literal`.
      of_datasets: whether TensorFlow Datasets reads it; see `paths.expanded`.
    """
    parser = _PathParser(for_tensorflow, of_datasets)
    return flags.DEFINE(parser, name, None, meaning, serializer=flags.ArgumentSerializer())


def DEFINE_multi_path(name: str, meaning: str) -> flags.FlagHolder[list[str]]:
    """Defines a flag that is a list of paths: one each time that it is given."""
    parser = _PathParser(for_tensorflow=False, of_datasets=False)
    return flags.DEFINE_multi(parser, flags.ArgumentSerializer(), name, [], meaning)
