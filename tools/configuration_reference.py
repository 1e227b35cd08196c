"""Writes docs/configuration.md: everything that can be bound, from docstrings and annotations.

bazel run //tools:configuration_reference
"""

import importlib
import inspect
import os
import pathlib
import pkgutil
from collections.abc import Iterable, Iterator

import docstring_parser
import gin
from official.modeling.hyperparams import base_config

from trainer.config import types
from trainer.upstream import gin_config

_PACKAGES = ("growth", "models", "trainer")

# Headings, and the modules (or packages) whose configurables stand below them.
_GROUPS = {
    "The run": (
        "trainer.experiment",
        "trainer.loop",
        "trainer.distribution.devices",
        "trainer.warm_start.warm_start",
        "trainer.optimization.mixed_precision",
    ),
    "Growth": ("growth.grower",),
    "When": (
        "growth.decisions.schedules",
        "growth.decisions.triggers",
        "growth.decisions.combinations",
    ),
    "Where": ("growth.decisions.policies", "growth.decisions.placement"),
    "Within what": ("growth.decisions.budget",),
    "How": ("growth.methods",),
    "New neurons": ("growth.newborns",),
    "Parts of methods": (
        "growth.methods.scales",
        "growth.methods.signs",
        "growth.methods.inner_optimization",
    ),
    "Networks": ("models",),
    "Parts of networks": (
        "models.layers.normalization",
        "models.layers.noise",
        "models.layers.activations",
        "models.layers.pooling",
    ),
    "Initial weights": ("tf_keras",),
    "Data": ("trainer.datasets",),
    "Preparation of images": (
        "trainer.datasets.augmentation",
        "trainer.datasets.image_crops",
        "trainer.datasets.mixing",
        "trainer.datasets.model_garden_augmentation",
        "trainer.datasets.pixel_normalization",
        "official.vision.ops.augment",
    ),
    "Objectives": ("trainer.objectives",),
    "Optimizers": (
        "trainer.optimization.optimizers",
        "official.modeling.optimization.configs.optimizer_config",
    ),
    "Learning rates": ("official.modeling.optimization.configs.learning_rate_config",),
}

_HEAD = """# Configuration reference

Everything that can be bound, with its default. Made from the code's docstrings by

    ./bazelw run //tools:configuration_reference

In a .gin file, or after `--gin_bindings=`:

```
Experiment.model = @MLP            # a class or function itself, for others to call
Grower.method = @GradMax()    # what a call of it gives
GradMax.scale = @fixed             # a function
MLP.hidden_widths = (5,)           # a list
seed = 3                           # a macro,
Experiment.seed = %seed            # and its use
some/GradMax.epsilon = 1e-4        # in a scope: for @some/GradMax() alone
include 'base.gin'                 # what comes after it wins
import my_model                    # a module with configurables of your own
```

"Required" are bindings without a default. Values of another kind than the table says are an error,
and so are unknown names. Some are not to be bound, as whoever calls gives them: of `Experiment`,
`Grower.train_step`, `Grower.shapes`, `optimizer.stretch` and the `output_width` of a network; of
networks, the `seed` of initial weights. Configurations to begin with are in `gin_configs/`."""


_PATTERNS = (
    "A list of regular expressions, each of which must be found in the name of a trainable "
    "variable, e.g. ['bias', 'gain', 'shift']. Names are such as "
    "mlp/hidden_1_normalization/hidden_1_normalization/gain:0. Variables with one of them in their "
    "name "
)
# Where the docstrings of libraries do not fit our variables.
_MEANINGS = {
    "include_in_weight_decay": f"{_PATTERNS} decay also where they are excluded.",
    "exclude_from_weight_decay": f"{_PATTERNS} do not decay.",
    "exclude_from_layer_adaptation": (
        f"{_PATTERNS} take steps of the learning rate itself. None for those that do not decay."
    ),
}


def text() -> str:
    """The page.

    Raises:
      ValueError: something that can be bound belongs below no heading.
    """
    for package in map(importlib.import_module, _PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    groups = {heading: [] for heading in _GROUPS}
    for configurable in gin_config.configurables():
        if heading := _heading(configurable.wrapped.__module__):
            groups[heading].append(configurable)
    contents = [f"- [{heading}](#{_anchor(heading)}): {_links(c)}" for heading, c in groups.items()]
    sections = [_HEAD, "\n".join(contents)]
    for heading, configurables in groups.items():
        sections += [f"## {heading}", *map(_entry, _sorted(configurables))]
    return "\n\n".join(sections) + "\n"


def _heading(module: str) -> str | None:
    """The one that names `module`, or the nearest package around it."""
    found = [(len(p), h) for h, places in _GROUPS.items() for p in places if _is_in(module, p)]
    if not found and _is_ours(module):
        raise ValueError(f"{module} belongs below no heading; see _GROUPS in {__file__}")
    return max(found)[1] if found else None  # Of what Model Garden registers besides.


def _is_ours(module: str) -> bool:
    return module.split(".")[0] in _PACKAGES


def _is_in(module: str, place: str) -> bool:
    return module == place or module.startswith(f"{place}.")


def _sorted(configurables: Iterable) -> list:
    """In the order of the modules' names and of what stands in them."""
    return sorted(configurables, key=lambda c: (c.wrapped.__module__, _line(c.wrapped)))


def _line(target) -> int:
    return inspect.getsourcelines(target)[1]


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _links(configurables: Iterable) -> str:
    return ", ".join(f"[{c.name}](#{_anchor(c.name)})" for c in _sorted(configurables))


def _entry(configurable) -> str:
    """A description, a table of what can be bound, and the place of the definition."""
    target = configurable.wrapped
    about = docstring_parser.parse_from_object(target)
    paragraphs = [f"### {configurable.name}", about.short_description]
    if _is_ours(target.__module__):  # Those of libraries are not written for this page.
        paragraphs.append(about.long_description)
    rows = list(_rows(configurable.name, target))
    if rows:
        head = "| binding | default | must be | |\n|---|---|---|---|\n"
        paragraphs.append(head + "\n".join(rows))
    paragraphs.append(f"Defined in {_place(target)}.")
    return "\n\n".join(filter(None, paragraphs))


def _place(target) -> str:
    module = target.__module__
    if not _is_ours(module):
        return f"`{module}`"
    path = f"{module.replace('.', '/')}.py"
    return f"[{path}](../{path})"


def _rows(name: str, target) -> Iterator[str]:
    """A row for each parameter that can be bound."""
    hints, meanings = types.hints(target), parameter_meanings(target) | _MEANINGS
    for parameter in bindable_parameters(target):
        must_be = types.words(hints[parameter.name]) if parameter.name in hints else ""
        cells = [f"`{name}.{parameter.name}`", _default(parameter.default), must_be]
        meaning = " ".join(meanings.get(parameter.name, "").split())
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in [*cells, meaning]) + " |"


def bindable_parameters(target) -> list[inspect.Parameter]:
    """Parameters with a default, or a binding that is required; callers give the others."""
    # Of Model Garden's configurations: for programs that read them from YAML.
    left_out = {*inspect.signature(base_config.Config).parameters, *gin_config.unbindable(target)}
    signatures = [inspect.signature(target)]
    if inspect.isclass(target):
        signatures += [inspect.signature(c) for c in target.__mro__ if "__init__" in vars(c)][1:]
    found = {}
    for signature in signatures:
        kinds = {parameter.kind for parameter in signature.parameters.values()}
        for parameter in signature.parameters.values():
            if parameter.default is not inspect.Parameter.empty and parameter.name not in left_out:
                found.setdefault(parameter.name, parameter)
        # Only what takes any keyword passes those of its base class on.
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return list(found.values())


def parameter_meanings(target) -> dict[str, str]:
    """Descriptions of parameters: in a class, its constructor, its bases."""
    meanings = {}
    for documented in target.__mro__[:-1] if inspect.isclass(target) else [target]:
        constructor = vars(documented).get("__init__")
        for source in (documented, constructor, getattr(constructor, "keywords_of", None)):
            for found in docstring_parser.parse(inspect.getdoc(source) or "").params:
                meanings.setdefault(found.arg_name, found.description)
    return meanings


def _default(value) -> str:
    if value is gin.REQUIRED:
        return "required"
    if inspect.isclass(value) or inspect.isfunction(value):
        return f"`@{value.__name__}`"
    return f"`{value!r}`"


def main() -> None:
    """Writes the page into the workspace."""
    folder = pathlib.Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", os.curdir))
    (folder / "docs" / "configuration.md").write_text(text())


if __name__ == "__main__":
    main()
