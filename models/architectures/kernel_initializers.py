"""tf_keras' random initializers behind Gin, with the scales that they have as parameters."""

import gin
import tf_keras

for _class in (
    tf_keras.initializers.GlorotNormal,
    tf_keras.initializers.GlorotUniform,
    tf_keras.initializers.HeNormal,
    tf_keras.initializers.HeUniform,
    tf_keras.initializers.LecunNormal,
    tf_keras.initializers.LecunUniform,
    tf_keras.initializers.Orthogonal,
    tf_keras.initializers.RandomNormal,
    tf_keras.initializers.RandomUniform,
    tf_keras.initializers.TruncatedNormal,
    tf_keras.initializers.VarianceScaling,
):
    gin.external_configurable(_class, module="tf_keras.initializers")


def check(initializer: object, argument: str) -> None:
    """Raises ValueError, which names `argument`, if it is no class of such initializers."""
    is_class = isinstance(initializer, type)
    if not (is_class and issubclass(initializer, tf_keras.initializers.Initializer)):
        raise ValueError(
            f"{argument} = {getattr(initializer, '__name__', initializer)} must be a class of "
            "initializers that takes a seed, e.g. @GlorotUniform or @HeNormal"
        )
