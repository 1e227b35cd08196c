"""The training binary: datasets, optimizers, the training loop and what it leaves behind."""
