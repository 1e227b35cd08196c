"""TensorBoard from the pinned packages: ./bazelw run //tools:tensorboard -- --logdir=FOLDER."""

import os

from tensorboard import main

if __name__ == "__main__":
    # `bazel run` starts the program in a folder of its own; paths are the caller's.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    main.run_main()
