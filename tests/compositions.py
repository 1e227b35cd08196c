"""The files of a shipped task and the methods that go after it."""


def files(name: str) -> list[str]:
    """Paths by the name of a composition, e.g. `small+gradmax` or `convolution/small+random`.

    Args:
      name: a task of gin_configs/teacher_student/, and files of gin_configs/methods/.
    """
    task, *methods = name.split("+")
    found = [f"gin_configs/teacher_student/{task}.gin"]
    return found + [f"gin_configs/methods/{method}.gin" for method in methods]


def flags(name: str) -> list[str]:
    """As flags of the program."""
    return [f"--gin_file={file}" for file in files(name)]
