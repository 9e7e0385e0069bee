"""The build backend of the folder above, whose pyproject.toml describes the package."""
import os
import pathlib

os.chdir(pathlib.Path(__file__).parents[1])

from hatchling.build import *  # noqa: E402, F403
