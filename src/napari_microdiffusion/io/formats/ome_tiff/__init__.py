"""OME-TIFF: the XML, the files of a set, and the images whose planes lie in them."""
