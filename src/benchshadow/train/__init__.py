"""A token stream and a model become checkpoints, under settings that are the same for every arm."""

from .loop import Diverged as Diverged
from .loop import checkpoint_folder as checkpoint_folder
from .loop import train as train
from .model import load as load
from .model import new as new
from .model import save as save
from .model import weights_sha256 as weights_sha256
from .settings import Architecture as Architecture
from .settings import Settings as Settings
