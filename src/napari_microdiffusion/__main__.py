"""`python -m napari_microdiffusion` is the command line."""

from .cli import main

main()
