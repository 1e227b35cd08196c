"""Messages about a growth site that is not what the network computes."""

import re
from collections.abc import Sequence
from typing import Any

import tf_keras

from models import site as site_lib


def failure(error: Exception) -> str:
    """Describes an exception of the forward pass with one more neuron at a site."""
    match = re.search(r"calling layer ['\"](.+?)['\"] \(type (.+?)\)", str(error))
    reason = _reason(error)
    if match is None:
        return (
            f"the forward pass fails ({reason}). Each layer that the neurons reach must be "
            "listed in the site, in `between` or as a consumer"
        )
    name, kind = match.groups()
    return (
        f"layer {name!r} ({kind}) fails ({reason}). If the neurons reach it, list it in the "
        "site: in `between`, if it treats each channel by itself, or as a consumer; it must be "
        "a layer of models/ that can grow"
    )


def declared(model: tf_keras.Model, site: site_lib.GrowthSite) -> str:
    """Describes a gradient that is not that of the layers which `site` lists."""
    listed = names(site.between)
    text = (
        f"what the layers of the site give. All that lies between {names(site.producers)} "
        f"and {names(site.consumers)} must be listed in `between`, in order; "
        + (f"listed is {listed}" if listed else "nothing is listed")
    )
    if getattr(model, "_is_graph_network", False):
        # tf_keras has put plain operations in their place.
        text += (
            ". In a functional model, write an activation function as a layer: "
            "models.layers.Activation(relu)"
        )
    return text


def names(layers: Sequence[Any]) -> str:
    """The layers and activation functions as a message lists them."""
    return ", ".join(
        getattr(getattr(layer, "function", None), "__name__", layer.name) for layer in layers
    )


def _reason(error: Exception) -> str:
    """The line of an exception that says why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = [line for line in lines if not re.match(r"Exception encountered|Call arg|•", line)]
    reason = re.sub(r"\{\{.*?\}\}|\[Op:\w+\].*", "", (reasons or lines or [repr(error)])[0])
    return f"{type(error).__name__}: {reason.strip()[:200]}"
