"""Evidence as tests of schedules and policies give it."""

from growth.decisions import adaptive, evidence
from growth.records import events


def evidence_of(step=200, losses=(), tests=(), grown=(), sites=(), **kwargs):
    """Evidence after `step` steps, with points of the losses and growths at the steps `grown`."""
    return evidence.Evidence(
        step,
        growths=[events.Growth(at) for at in grown],
        sites=sites,
        training={"loss": [evidence.Point(*point) for point in losses]},
        evaluation={"loss": [evidence.Point(*point) for point in tests]},
        **kwargs,
    )


def site(name, width=4, cost=10, target=None, **measured):
    """A site with what a measurement would find."""
    seen = evidence.SiteMeasurement(**measured)
    return evidence.SiteEvidence(
        name, 2, width, target, parameters=cost, forward_flops=3 * cost, measure=lambda: seen
    )


class Says(adaptive.AdaptiveSchedule):
    """Is always due, or never."""

    def __init__(self, answer, **kwargs):
        super().__init__(**kwargs)
        self._answer = answer

    def is_due(self, evidence):
        return self._answer
