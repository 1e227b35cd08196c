"""Networks: layers that can grow, and architectures with growth sites."""

from models import renamed_modules

# Current name by former name, for one version.
RENAMED_MODULES = {
    "models.activations": "models.layers.activations",
    "models.channel_wise": "models.layers.channel_wise",
    "models.convnet": "models.architectures.convnet",
    "models.counterparts": "trainer.export.counterparts",
    "models.foreign_layers": "models.layers.foreign_layers",
    "models.forward_pass": "models.layers.forward_pass",
    "models.kernel_initializers": "models.architectures.kernel_initializers",
    "models.layer_factory": "models.architectures.layer_factory",
    "models.memory": "models.layers.memory",
    "models.mlp": "models.architectures.mlp",
    "models.mobilenet": "models.architectures.mobilenet",
    "models.noise": "models.layers.noise",
    "models.normalization": "models.layers.normalization",
    "models.plain": "trainer.export.plain",
    "models.plain_operations": "trainer.export.plain_operations",
    "models.pooling": "models.layers.pooling",
    "models.seeds": "models.layers.seeds",
    "models.vgg": "models.architectures.vgg",
    "models.wide_resnet": "models.architectures.wide_resnet",
    "models.window": "models.layers.window",
}
renamed_modules.install(RENAMED_MODULES)
