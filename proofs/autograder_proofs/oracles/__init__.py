"""Float64 truths that hidden checks of several assignments compare with; part of no template and of no wheel."""
