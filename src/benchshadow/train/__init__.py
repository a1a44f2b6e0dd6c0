"""A token stream and a model become checkpoints, under settings that are the same for every arm.

The door opens without torch; what trains and holds models, `train.loop` and `train.model`, is imported by its own name.
"""

from .architecture import Architecture as Architecture
from .folder import checkpoint_folder as checkpoint_folder
from .override import Override as Override
from .settings import Adapter as Adapter
from .settings import Settings as Settings
