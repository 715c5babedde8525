"""What the detector adds to the projections: noise, an intensity scale, flicker and bleaching, flaws."""
