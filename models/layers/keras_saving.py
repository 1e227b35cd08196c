"""The answer to `save("network.keras")` of networks that grow."""

from typing import NoReturn


def refuse(name: str) -> NoReturn:
    """Raises NotImplementedError, which tf_keras' SavedModels do without a configuration after.

    A .keras file holds the arguments that a network is built from; activations, normalizations and
    initializers of these networks are functions and classes, which it has no names for.

    Args:
      name: of the network or layer.
    """
    raise NotImplementedError(
        f"{name} can grow, and cannot be written as a .keras or .h5 file. Use "
        "save_weights(path), and load_weights(path) of a network that is built by the same code: "
        "it takes the widths of the file. Or save trainer.export.plain.build(network, spec), the "
        "network as standard layers, which loads anywhere and grows no more"
    )
