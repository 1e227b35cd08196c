"""Refuses to save networks that grow as .keras files."""

from typing import NoReturn


def refuse(name: str) -> NoReturn:
    """Raises NotImplementedError; `get_config` calls it.

    A .keras file holds the arguments that a network is built from; activations, normalizations and
    initializers of these networks are functions and classes, which it has no names for. A
    SavedModel does without: tf_keras catches the error.

    Args:
      name: of the network or layer.
    """
    raise NotImplementedError(
        f"{name} can grow, and cannot be written as a .keras or .h5 file. Use "
        "save_weights(path), and load_weights(path) of a network that is built by the same code: "
        "it takes the widths of the file. Or save trainer.export.plain.build(network, spec), the "
        "network as standard layers, which loads anywhere and grows no more"
    )
