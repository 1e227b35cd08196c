"""The peak memory of a growth, over that of training steps.

Growths of all 12 sites of WRN-28-1 by 25 %. Each peak is that of a process of its own. What does
not depend on the batch (libraries, variables, the graphs of steps and growths) is the peak with a
single example, and is taken off.

./bazelw run //benchmarks:growth_memory
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import multiprocessing
import resource

from absl import app, flags, logging

_BATCH_SIZE = flags.DEFINE_integer("batch_size", 512, "Examples in a batch.")

_METHODS = ["Random", "GradMax", "GradMaxOpt", "FireflyOpt"]


def _peak(batch_size: int, method: str, grows: bool) -> int:
    """The largest resident set of this process after a few steps, in MiB."""
    from benchmarks import training
    from growth.decisions import policies
    from growth.methods import firefly_opt, gradmax, gradmax_opt, random
    from models.architectures import wide_resnet

    modules = [firefly_opt, gradmax, gradmax_opt, random]
    make = next(getattr(module, method) for module in modules if hasattr(module, method))
    model = wide_resnet.WideResNet(output_width=10, depth=28, width=1, width_multiplier=0.25)
    data = training.RandomPictures(batch_size)
    run = training.Training(model, data, make(), policies.AllAtOnce(fraction=0.25))
    for _ in range(3):
        run.step()
        if grows:
            run.grow()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(argv):
    """Prints one line for each method."""
    del argv
    logging.set_verbosity(logging.ERROR)
    context = multiprocessing.get_context("spawn")

    def peak(*arguments):
        with context.Pool(1) as pool:
            return pool.apply(_peak, arguments)

    training, without = (peak(size, "Random", False) for size in (_BATCH_SIZE.value, 1))
    print(f"training: {training} MiB, {without} MiB with one example", flush=True)
    for method in _METHODS:
        growing, floor = (peak(size, method, True) for size in (_BATCH_SIZE.value, 1))
        ratio = (growing - floor) / (training - without)
        print(
            f"growth by {method}: {growing} MiB, {floor} MiB with one example: {ratio:.2f} times "
            "as much for the others",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
