"""Any growth method, with the consumers rescaled so that what they put out keeps its size."""

from collections.abc import Sequence

import gin
import tensorflow as tf

from growth.methods import method as method_lib
from growth.methods import wrapped
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons, OldNeurons
from models import site as site_lib


@gin.configurable
class Rescaled(wrapped.Wrapped):
    """The neurons of another method, and all outgoing weights of a site times sqrt(w / (w + k)).

    w neurons become w + k. Independent outgoing weights of one size then add up to sums of the size
    that they had (variance transfer, Yuan et al., 2023; RMS-preserving, SPARKLING). The output
    changes: old neurons are heard less. Their optimizer slots stay as they are.

    Args:
      method: makes the new neurons.

    Raises:
      ValueError: it is no growth method.
    """

    def __init__(self, method: method_lib.GrowthMethod = gin.REQUIRED):
        super().__init__(method, "@Random()")

    def refine(
        self,
        trial: trial_lib.Trial,
        neurons: Sequence[NewNeurons],
        counts: Sequence[tf.Tensor],
    ) -> Sequence[NewNeurons]:
        """See `GrowthMethod.refine`; the method itself tries its neurons out unscaled."""
        refined = self._method.refine(trial, neurons, counts)
        return [_scaled(site, new) for site, new in zip(trial.sites, refined, strict=True)]


def _scaled(site: site_lib.GrowthSite, new: NewNeurons) -> NewNeurons:
    weights = site.incoming()
    width = tf.shape(weights)[1]
    factor = tf.sqrt(tf.cast(width / tf.maximum(width + new.count, 1), tf.float32))
    change, old = new.old
    if old.shape[0] == 0:  # Known when traced: the method leaves old neurons as they are.
        change, old = tf.zeros_like(weights), tf.ones([width])
    return new._replace(outgoing=factor * new.outgoing, old=OldNeurons(change, factor * old))
