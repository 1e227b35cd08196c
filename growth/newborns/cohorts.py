"""When each neuron was born: the neurons of one growth are a cohort."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from growth.surgery import surgery
from models import site as site_lib


class Cohorts:
    """The cohort of each neuron, in variables that grow with the network.

    Cohort 0 is the seed network, cohort i the neurons of the i-th growth. Checkpoints hold cohorts
    as part of the growth history, from which `recalled` restores them.

    Args:
      sites: of the network, before any growth.

    Attributes:
      births: training steps before the growth of each cohort, int64 `[growths + 1]`; -1 for the
        seed network.
      of_site: the cohorts of each site's neurons, int32 `[width]`.
    """

    def __init__(self, sites: Sequence[site_lib.GrowthSite]):
        self.births = _variable(tf.constant([-1], tf.int64), "births")
        self.of_site: dict[site_lib.GrowthSite, tf.Variable] = {
            site: _variable(tf.zeros([site.width], tf.int32), f"{site.name}/cohorts")
            for site in sites
        }

    def grown(self, counts: Sequence[tf.Tensor], step: tf.Tensor) -> list[surgery.Grown]:
        """The variables after a growth.

        Args:
          counts: new neurons of each site.
          step: training steps before the growth, int64 scalar.
        """
        cohort = tf.size(self.births)
        values = [
            surgery.Grown(cohorts, tf.concat([cohorts, tf.fill([count], cohort)], axis=0))
            for cohorts, count in zip(self.of_site.values(), counts, strict=True)
        ]
        # Nothing is born when a growth is traced, or left out.
        is_born = tf.cast(tf.add_n(list(counts)) > 0, tf.int32)
        births = tf.concat([self.births, tf.fill([is_born], step)], axis=0)
        return [*values, surgery.Grown(self.births, births)]

    def recalled(
        self, seed_widths: Mapping[str, int], events: Sequence[Mapping[str, Any]]
    ) -> list[surgery.Grown]:
        """The variables after all growths so far.

        Args:
          seed_widths: neurons of each site before any growth, by name.
          events: the growths, see `history.GrowthHistory`.
        """
        cohorts = {site.name: [0] * seed_widths[site.name] for site in self.of_site}
        births = [-1]
        for event in events:
            added = {name: site["to"] - site["from"] for name, site in event["sites"].items()}
            if any(added.values()):
                for name, count in added.items():
                    cohorts[name] += [len(births)] * count
                births.append(event["step"])
        return [
            *(
                surgery.Grown(variable, tf.constant(cohorts[site.name], tf.int32))
                for site, variable in self.of_site.items()
            ),
            surgery.Grown(self.births, tf.constant(births, tf.int64)),
        ]


def _variable(initial: tf.Tensor, name: str) -> tf.Variable:
    return tf.Variable(initial, shape=[None], trainable=False, name=name)
