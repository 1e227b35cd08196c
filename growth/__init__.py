"""When, where and how a network grows, and the surgery that combines them."""

import importlib.util
import os
import pathlib


def _check_models() -> None:
    """Raises ImportError if another module hides the package `models` that this one builds on."""
    folder = pathlib.Path(__file__).resolve().parent.parent
    spec = importlib.util.find_spec("models")
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    found = [os.path.realpath(place) for place in places if place]
    if not any(pathlib.Path(place).is_relative_to(folder) for place in found):
        raise ImportError(
            f"{found[0] if found else 'nothing'} hides the package models that growth builds on, "
            f"which is in {folder}; rename yours, or put {folder} before its folder on sys.path"
        )


_check_models()

from models import renamed_modules  # noqa: E402

# Current name by former name, for one version.
RENAMED_MODULES = {
    "growth.cohorts": "growth.newborns.cohorts",
    "growth.convolution_pair": "growth.linear_map.convolution_pair",
    "growth.event_checks": "growth.records.event_checks",
    "growth.full_precision": "growth.linear_map.full_precision",
    "growth.history": "growth.records.history",
    "growth.initializers": "growth.methods",
    "growth.initializers.all_zero": "growth.methods.all_zero",
    "growth.initializers.firefly": "growth.methods.firefly",
    "growth.initializers.firefly_opt": "growth.methods.firefly_opt",
    "growth.initializers.gradmax": "growth.methods.gradmax",
    "growth.initializers.gradmax_opt": "growth.methods.gradmax_opt",
    "growth.initializers.initializer": "growth.methods.method",
    "growth.initializers.one_sided": "growth.methods.one_sided",
    "growth.initializers.pairs": "growth.methods.pairs",
    "growth.initializers.random": "growth.methods.random",
    "growth.initializers.signs": "growth.methods.signs",
    "growth.initializers.split": "growth.methods.split",
    "growth.inner_optimization": "growth.methods.inner_optimization",
    "growth.manifolds": "growth.methods.manifolds",
    "growth.neurons": "growth.surgery.neurons",
    "growth.newborn_rates": "growth.newborns.rates",
    "growth.planned_growth": "growth.records.events",
    "growth.policies": "growth.decisions.policies",
    "growth.scales": "growth.methods.scales",
    "growth.schedules": "growth.decisions.schedules",
    "growth.singular_vectors": "growth.linear_map.singular_vectors",
    "growth.site_faults": "growth.site_trial.site_faults",
    "growth.site_observer": "growth.linear_map.site_observer",
    "growth.spent_flops": "growth.records.spent_flops",
    "growth.trial": "growth.surgery.trial",
    "growth.update_factors": "growth.newborns.update_factors",
    "growth.variable_storage": "growth.surgery.variable_storage",
    "growth.vector_norms": "growth.linear_map.vector_norms",
}
renamed_modules.install(RENAMED_MODULES)
