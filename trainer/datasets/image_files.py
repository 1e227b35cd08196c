"""Finds the images of a folder that has a folder for each class."""

import dataclasses
import difflib
import os
import unicodedata
from collections.abc import Sequence

import numpy as np
from absl import logging

from trainer.command import paths
from trainer.datasets import csv_columns, held_out

FORMATS = "JPEG, PNG, GIF or BMP"
_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
# Written by Windows, and by a Mac into archives.
_OF_DESKTOPS = ("thumbs.db", "desktop.ini", "__macosx")
_PARTS = ("train", "training", "test", "testing", "val", "valid", "validation")


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """Files of images and their classes, in an order that depends on their names alone.

    Attributes:
      classes: their names, in the order of their indices.
      paths: of the files.
      labels: the index of the class of each file, int32 `[files]`.
    """

    classes: Sequence[str]
    paths: Sequence[str]
    labels: np.ndarray

    def split(self, fraction: float, seed: int) -> tuple["ImageFiles", "ImageFiles"]:
        """The files for training and those for testing, see `held_out.split`.

        Raises:
          ValueError: a class has no file for training.
        """
        train, test = (
            ImageFiles(self.classes, [self.paths[i] for i in chosen], self.labels[chosen])
            for chosen in held_out.split(len(self.paths), fraction, seed)
        )
        for index, name in enumerate(self.classes):
            if index not in train.labels:
                raise ValueError(
                    f"ImageFolder.test_fraction = {fraction} leaves no image of the class {name!r} "
                    "for training; bind a smaller one, another split_seed, or a test_path"
                )
        return train, test


def find(name: str, path: str, known: Sequence[str] | None = None) -> ImageFiles:
    """The images below `path`, by the endings of their names; hidden files are left out.

    Args:
      name: of the parameter that `path` is bound to, for messages.
      path: a folder with a folder for each class, named as the class.
      known: the classes of training, of which some may be missing; None if this is training.

    Raises:
      ValueError: a folder cannot be read, there are no classes or not those of training, or one is
        empty.
    """
    shown, root = f"{name} = {path!r}", paths.bound(name, path)
    try:
        folders, others = _class_folders(root)
        found = {
            name: [_images(folder, others) for folder in same] for name, same in folders.items()
        }
    except OSError as error:
        raise ValueError(
            f"{shown} cannot be read: {error.filename}: {error.strerror}; it must be a folder with "
            "a folder of images for each class"
        ) from None
    classes = csv_columns.classes(list(folders))
    _check_classes(shown, classes, others, known)
    files = {name: sum(found[name], []) for name in classes}
    for class_name in classes:
        if not files[class_name]:
            raise ValueError(_no_images(shown, folders[class_name][0], others))
    if others:
        logging.warning(
            f"{shown}: %d files are left out, which are no {FORMATS} in the folder of a class, the "
            "first of them %s",
            len(others),
            others[0],
        )
    order = list(known or classes)
    labels = [order.index(name) for name in classes for _ in files[name]]
    return ImageFiles(order, sum(files.values(), []), np.array(labels, np.int32))


def _class_folders(root: str) -> tuple[dict[str, list[str]], list[str]]:
    """The folders of each class, and the files beside them."""
    folders, others = {}, []
    for name in sorted(os.listdir(root)):
        path = os.path.join(root, name)
        if _is_hidden(name):
            continue
        if os.path.isdir(path):
            # A Mac spells an umlaut by two characters, others by one.
            folders.setdefault(unicodedata.normalize("NFC", name), []).append(path)
        else:
            others.append(path)
    return folders, others


def _images(folder: str, others: list[str]) -> list[str]:
    """The images below a folder; what else lies there goes to `others`."""
    images = []
    for root, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(files):
            if not _is_hidden(name):
                place = images if name.lower().endswith(_ENDINGS) else others
                place.append(os.path.join(root, name))
    return images


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _OF_DESKTOPS


def _raise(error: OSError) -> None:
    raise error


def _check_classes(shown, classes, others, known):
    listed = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
    rule = "it must have a folder of images for each class, such as cat/1.jpg and dog/1.jpg"
    if not classes:
        found = f"files such as {os.path.basename(others[0])}" if others else "nothing"
        raise ValueError(f"{shown} has no folders, but {found}; {rule}")
    if all(name.lower() in _PARTS for name in classes):
        raise ValueError(
            f"{shown} has the folders {listed}, which are parts of a set, not classes; bind one to "
            "ImageFolder.path and another to ImageFolder.test_path"
        )
    if known is None and len(classes) == 1:
        raise ValueError(f"{shown} has one folder, {listed}, and there must be two classes; {rule}")
    for name in classes:
        if known is not None and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise ValueError(
                f"{shown} has the class {name!r}, of which there are no training images"
                + (f"; did you mean {near[0]!r}?" if near else "")
                + f" Those of training are {', '.join(known)}"
            )


def _no_images(shown, folder, others):
    other = next((path for path in others if path.startswith(os.path.join(folder, ""))), None)
    found = f"but other files, such as {os.path.basename(other)}" if other else "and no files"
    return (
        f"{shown}: the class {os.path.basename(folder)!r} has no {FORMATS}, {found}. Put images "
        "there, or take the folder away"
    )
