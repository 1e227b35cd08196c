"""The training binary: datasets, optimizers, the training loop and what it leaves behind."""

# Current name by former name, for one version.
RENAMED_MODULES = {
    "trainer.checkpoints": "trainer.model_dir.checkpoints",
    "trainer.errors": "trainer.command.errors",
    "trainer.json_files": "trainer.model_dir.json_files",
    "trainer.mixed_precision": "trainer.optimization.mixed_precision",
    "trainer.optimizers": "trainer.optimization.optimizers",
    "trainer.run_directory": "trainer.model_dir.run_directory",
    "trainer.strategies": "trainer.distribution.strategies",
    "trainer.summaries": "trainer.logs.summaries",
}

try:
    from models import renamed_modules
except ImportError:
    pass  # Another module hides the package; trainer.command.command_line says so.
else:
    renamed_modules.install(RENAMED_MODULES)
