"""The form of the beam, its optics calculator, measured beams, and its picture."""
