"""Plain-torch algorithms, for devices without a kernel."""
