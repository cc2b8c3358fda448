"""Effects that an oscillator moves."""
