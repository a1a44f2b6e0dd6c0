"""What was measured, on disk: the long table, canonical JSON, folders that are continued or refused."""

from .files import canonical as canonical
from .files import digest as digest
from .files import file_digest as file_digest
from .files import read_json as read_json
from .files import read_toml as read_toml
from .files import replace_together as replace_together
from .files import replace_whole as replace_whole
from .files import write_json as write_json
from .files import write_parquet as write_parquet
from .files import write_text as write_text
from .folder import open_folder as open_folder
from .seals import differing as differing
from .seals import seal as seal
from .seals import sealed as sealed
from .table import SCHEMA as SCHEMA
from .table import SUPERSEDED as SUPERSEDED
from .table import frame as frame
from .table import read as read
from .table import write as write
