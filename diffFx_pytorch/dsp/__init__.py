"""Small shared signal maths on tensors: no effect, no knob, no module."""
