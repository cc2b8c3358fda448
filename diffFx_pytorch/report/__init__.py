"""What is seen and heard: pages, plots, notebooks, and a demo clip."""
