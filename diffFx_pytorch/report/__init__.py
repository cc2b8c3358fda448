"""Pages, plots, notebook players and sliders, and a demo clip."""
