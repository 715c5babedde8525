"""The napari plugin: the only room that knows Qt and napari."""
