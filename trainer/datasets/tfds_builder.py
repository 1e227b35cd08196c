"""Finds an image-classification set of TensorFlow Datasets, and says what is wrong if it cannot.

`owner` is the configurable whose `name`, `data_dir` and splits are read; messages begin with it.
"""

import difflib

import numpy as np
import tensorflow_datasets as tfds

# What prepares a set without the internet, and what goes before its flags; the others are
# downloaded by `tfds build`.
_LOCAL_TOOLS = {"fashion_mnist": ("bazel run //tools:prepare_fashion_mnist", " --")}


def find(owner: str, name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    """The builder of the set `name`, which tells what it is; it need not be prepared.

    Raises:
      ValueError: there is no such set.
    """
    try:
        # huggingface:mnist and the like are looked up in the internet.
        if tfds.core.naming.parse_builder_name_kwargs(name)[0].namespace:
            raise ValueError("sets of other collections are not supported")
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        raise ValueError(
            f"{owner}.name = {name!r} is no set of TensorFlow Datasets, nor prepared "
            f"in {data_dir or 'its default folder'}"
            + (f"; did you mean {' or '.join(near)}?" if near else "")
        ) from None
    except (AssertionError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{owner}.name = {name!r}: {error}") from None


def image_and_label(owner: str, name: str, info: tfds.core.DatasetInfo) -> tuple[str, str]:
    """The names of the two features that are the image, uint8, and its class.

    Raises:
      ValueError: the set has no such features.
    """
    features = dict(info.features.items())
    keys = info.supervised_keys or ("image", "label")
    image, label = (features.get(key) if isinstance(key, str) else None for key in keys[:2])
    if type(image) is not tfds.features.Image or type(label) is not tfds.features.ClassLabel:
        found = ", ".join(f"{key}: {type(feature).__name__}" for key, feature in features.items())
        raise ValueError(
            f"{owner}.name = {name!r} must be a set of images (Image) with one class "
            f"each (ClassLabel); it has {found}"
        )
    if image.np_dtype != np.uint8:
        raise ValueError(
            f"{owner}.name = {name!r} has images of type {np.dtype(image.np_dtype).name}; they "
            "must be of type uint8"
        )
    return keys[:2]


def check_prepared(
    owner: str, name: str, data_dir: str | None, builder: tfds.core.DatasetBuilder
) -> None:
    """Raises a ValueError with the command that prepares the set, unless it is prepared."""
    if builder.is_prepared():
        return
    command, separator = _LOCAL_TOOLS.get(builder.name, (f"tfds build {name}", ""))
    raise ValueError(
        f"{owner}.name = {name!r} is not prepared in {builder.data_dir}, and "
        "training downloads nothing. Prepare it with\n"
        f"  {command}{f'{separator} --data_dir={data_dir}' if data_dir else ''}\n"
        f"or set {owner}.data_dir to the folder where it is"
    )


def split_info(
    owner: str, argument: str, split: str, builder: tfds.core.DatasetBuilder
) -> tfds.core.SplitInfo | tfds.core.SubSplitInfo:
    """The files and examples of a split, or of a part of one such as "train[:90%]".

    Raises:
      ValueError: there is no such split, or it has no examples.
    """
    try:
        info = builder.info.splits[split]
        examples = info.num_examples
    except ValueError as error:
        raise ValueError(
            f"{owner}.{argument} = {split!r} is no split of {builder.name}: {error}"
        ) from None
    if not examples:
        raise ValueError(f"{owner}.{argument} = {split!r} of {builder.name} has no examples")
    return info


def no_label(
    owner: str, argument: str, split: str, builder: tfds.core.DatasetBuilder
) -> ValueError:
    """The error for a split whose examples have no label, as test splits of competitions."""
    return ValueError(
        f"{owner}.{argument} = {split!r} of {builder.name} holds examples without a label; its "
        f"splits are {', '.join(builder.info.splits)}"
    )
