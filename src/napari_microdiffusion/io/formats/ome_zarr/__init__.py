"""OME-Zarr: the folders, their chunks, and the images in them, read and written."""
