"""Both sides zero, bias one (appendix D and figure 13a of the paper)."""

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.methods import method
from growth.surgery.neurons import NewNeurons
from models import site as site_lib


@gin.configurable
class AllZero(method.GrowthMethod):
    """New neurons have no weights and a bias of one: they learn outgoing weights first.

    All of them start alike and get the same gradients, so that they stay copies of one neuron. Grow
    one at a time.

    Where a normalization lies between, which would undo a bias, its offset is one instead.
    """

    uses_gradients = False

    def check(self, site: site_lib.GrowthSite) -> None:
        """See `GrowthMethod.check`."""
        if not site.can_shift:
            raise ValueError(
                f"AllZero starts neurons with a bias of one, and site {site.name!r} has no bias: "
                "give its producer one (e.g. MLP.use_bias = True), or use another method"
            )

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`."""
        del seed
        fan_out, fan_in = linear_map.shape
        return NewNeurons(tf.zeros([fan_in, count]), tf.zeros([fan_out, count]), tf.ones([count]))
