"""The formats of microscopes and of other programs, a module for each: from a file to an `ImageSource`."""
